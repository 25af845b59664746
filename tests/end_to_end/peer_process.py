"""A vault in a process of its own: reads commands from stdin, answers on stdout, a line each.

Run as `python -m tests.end_to_end.peer_process NAME FOLDER`. Each line is a JSON array: a command
and its arguments.
"""

import json
import sys
from pathlib import Path

from kithspace.adapters.disk.folder import DiskFolder, Settings
from kithspace.adapters.system import system_entropy
from kithspace.core.ids import ObjectId
from kithspace.runtime.space import Space
from kithspace.runtime.vault import Vault
from tests.meshed import add, change, open_meshed, see, wait_for


class Peer:
    """The commands."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._space: Space | None = None
        if vault.spaces():
            self._space = vault.open_space(vault.spaces()[0].id)

    @property
    def space(self) -> Space:
        assert self._space is not None
        return self._space

    def make(self) -> str:
        """Make the space; return a code."""
        self._space = self._vault.make_space("Groceries")
        return self.code()

    def code(self) -> str:
        """Return a new code."""
        return self.space.invite("writer", uses=1, hours=24, link=False).code

    def join(self, code: str) -> str:
        """Join."""
        space = self._vault.join(code).result(30)
        assert isinstance(space, Space)
        self._space = space
        return space.name

    def add(self, title: str) -> str:
        """Write an object; return its id."""
        return add(self.space, title=title).hex()

    def set(self, id_: str, field: str, value: str) -> str:
        """Write a field."""
        change(self.space, ObjectId(bytes.fromhex(id_)), **{field: value})
        return "done"

    def wait(self, id_: str, field: str, value: str) -> str:
        """Wait until a field has a value."""
        wait_for(self.space, ObjectId(bytes.fromhex(id_)), field, value)
        return "seen"

    def see(self, id_: str, field: str) -> str:
        """Return a field."""
        return str(see(self.space, ObjectId(bytes.fromhex(id_)), field))

    def quit(self) -> str:
        """Close the vault."""
        self._vault.close()
        return "closed"


def main(name: str, folder: Path, runtime: Path) -> None:
    """Serve commands until there are no more."""
    settings = Settings(
        vault=name, program="test", entropy=system_entropy, keys=folder / "k", openings=folder / "o"
    )
    peer = Peer(open_meshed(name, runtime, DiskFolder(folder / "vault", settings)))
    answer("ready")
    for line in sys.stdin:
        command, *arguments = json.loads(line)
        answer(getattr(peer, command)(*arguments))


def answer(text: str) -> None:
    """Say something."""
    sys.stdout.write(json.dumps(text) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
