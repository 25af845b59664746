"""Which nodes of this user run on this computer? A folder with a file each, for Discovery.

Rules: protocol.md section 6, Registry: folder `nodes` in the user's runtime folder (`KITH_RUNTIME`
overrides), 0700, one file per node, named at random, written to a temporary name and renamed,
removed at close; a dead process's file is removed by who finds it. No names, ids or spaces in it.
"""

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from platformdirs import user_runtime_path

from kithspace.ports import Neighbour

VERSION: Final = 1
SUFFIX: Final = ".json"
MAX_FILE_BYTES: Final = 4_096
MAX_FILES: Final = 1_024
MAX_NAMEPLATES: Final = 64
NAME_BYTES: Final = 8
_PRIVATE: Final = 0o700
_STILL_ACTIVE: Final = 259
_QUERY_LIMITED: Final = 0x1000


class Registry:
    """The registry's folder, seen by one node.

    Args:
        entropy: For the name of one's own file.
        folder: Elsewhere than in the user's runtime folder.
    """

    def __init__(self, entropy: Callable[[int], bytes], folder: Path | None = None) -> None:
        self._folder = folder or runtime_folder() / "nodes"
        self._name = entropy(NAME_BYTES).hex()

    def announce(self, port: int, nameplates: Sequence[str]) -> None:
        """Say where this node listens; in place of what was said before.

        Raises:
            OSError: The folder cannot be written, or belongs to somebody else.
        """
        self._folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        if not _is_private(self._folder):
            raise PermissionError(f"{self._folder} is open to others")
        entry = {"v": VERSION, "pid": os.getpid(), "port": port, "nameplates": list(nameplates)}
        passing = self._folder / f"{self._name}.new"
        passing.write_text(json.dumps(entry), "utf-8")
        passing.replace(self._folder / f"{self._name}{SUFFIX}")

    def find(self) -> list[Neighbour]:
        """Return the other nodes that are there now."""
        try:
            if not _is_private(self._folder):
                return []
            names = sorted(path.name for path in self._folder.glob(f"*{SUFFIX}"))[:MAX_FILES]
        except OSError:
            return []
        found = (self._read(name) for name in names if name != f"{self._name}{SUFFIX}")
        return [neighbour for neighbour in found if neighbour is not None]

    def stop(self) -> None:
        """Take the announcement back; any number of times."""
        with contextlib.suppress(OSError):
            (self._folder / f"{self._name}{SUFFIX}").unlink(missing_ok=True)

    def _read(self, name: str) -> Neighbour | None:
        path = self._folder / name
        try:
            with path.open("rb") as file:
                entry = json.loads(file.read(MAX_FILE_BYTES))
            pid, port, nameplates = entry["pid"], entry["port"], entry["nameplates"]
            is_good = entry["v"] == VERSION and type(pid) is int and type(port) is int
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not is_good or not 0 < port < 65_536 or not isinstance(nameplates, list):
            return None
        if not is_alive(pid):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return None
        texts = (text for text in nameplates[:MAX_NAMEPLATES] if isinstance(text, str))
        return Neighbour(path.stem, port, tuple(texts))


def runtime_folder() -> Path:
    """Return the user's runtime folder; `KITH_RUNTIME` overrides."""
    given = os.environ.get("KITH_RUNTIME")
    if given:
        return Path(given)
    with warnings.catch_warnings():  # without XDG_RUNTIME_DIR it warns, and names a folder as good
        warnings.simplefilter("ignore")
        return user_runtime_path("kithspace", appauthor=False)


if sys.platform == "win32":

    def is_alive(pid: int) -> bool:
        """Whether a process of that number runs."""
        import ctypes

        kernel = ctypes.windll.kernel32
        handle = kernel.OpenProcess(_QUERY_LIMITED, 0, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        is_known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
        kernel.CloseHandle(handle)
        return not is_known or code.value == _STILL_ACTIVE

else:

    def is_alive(pid: int) -> bool:
        """Whether a process of that number runs."""
        try:
            os.kill(max(pid, 1), 0)
        except ProcessLookupError:
            return False
        except (PermissionError, OverflowError):
            return pid > 0
        return pid > 0


def _is_private(folder: Path) -> bool:
    """Whether a folder is the user's own and nobody else can write to it."""
    if sys.platform == "win32":
        return folder.is_dir()
    facts = folder.stat()
    return facts.st_uid == os.getuid() and not facts.st_mode & 0o022
