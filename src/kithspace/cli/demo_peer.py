"""One side of `kith demo`: a whole program that shares a list. Orders come as JSON lines on stdin.

Run by `kith demo`, twice; `kith demo --source` shows it. Everything here is the public API.
"""

import json
import os
import sys
from pathlib import Path

import kithspace as ks


class Item(ks.Object, type="item"):
    """A line of the shopping list."""

    title: str
    done: bool = False


class Peer:
    """A vault, one space in it, and what the other side of the demo is told about them."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.open(network=True)
        self.space: ks.Space | None = None

    def open(self, *, network: bool) -> None:
        self.vault = ks.open_vault(self.folder, name=self.name, network=network)

    def follow(self, space: ks.Space) -> None:
        self.space = space
        self.items = space.all(Item).order_by("title")
        self.items.watch(lambda _: self.tell())

    def tell(self) -> None:
        """Print what this side has, as one JSON line."""
        assert self.space is not None
        shown = [
            {
                "id": item.id,
                "title": item.title,
                "done": item.done,
                "conflicts": [
                    {
                        "field": conflict.field,
                        "others": [
                            {
                                "value": other.value,
                                "who": other.who,
                                "when": f"{other.when:%H:%M:%S}",
                            }
                            for other in conflict.others
                        ],
                    }
                    for conflict in item.conflicts
                ],
                "who": item.meta.by,
                "changed": f"{item.meta.changed:%H:%M:%S}",
            }
            for item in self.items
        ]
        say("state", items=shown, words=self.space.status.words)

    # -- orders
    def found(self) -> None:
        self.follow(self.vault.space("Groceries"))
        assert self.space is not None
        self.space.add(Item("Milk"))
        say("code", code=self.space.invite().code)

    def join(self, code: str) -> None:
        self.follow(self.vault.join(code).result(timeout=30))
        say("joined")

    def cut(self) -> None:
        """Go offline: the vault is opened again without the network."""
        self.reopen(network=False)

    def meet(self) -> None:
        self.reopen(network=True)

    def reopen(self, *, network: bool) -> None:
        assert self.space is not None
        space_id = self.space.id
        self.vault.close()
        self.open(network=network)
        self.follow(self.vault.space(space_id, create=False))
        say("network", on=network)

    def edit(self, old: str, title: str) -> None:
        for item in self.items:
            if item.title == old:
                item.title = title

    def tick(self, title: str) -> None:
        for item in self.items:
            if item.title == title:
                item.done = not item.done

    def add(self, title: str) -> None:
        assert self.space is not None
        self.space.add(Item(title))

    def keep(self) -> None:
        for item in self.items:
            for conflict in item.conflicts:
                conflict.keep(conflict.value)

    def quit(self) -> None:
        self.vault.close()


def say(event: str, **more: object) -> None:
    print(json.dumps({"event": event, **more}), flush=True)


def main() -> None:
    """Carry out the orders of stdin until `quit`."""
    peer = Peer(Path(sys.argv[1]), sys.argv[2])
    say("ready", pid=os.getpid())
    for line in sys.stdin:
        order = json.loads(line)
        getattr(peer, order.pop("do"))(**order)
        if '"quit"' in line:
            return


if __name__ == "__main__":
    main()
