"""One side of `kith demo`: a whole program that shares a list. Orders come as JSON lines on stdin.

Run by `kith demo`, twice; `kith demo --source` shows it. What it uses of kithspace is public.
"""

import json
import sys
import threading
from pathlib import Path

import kithspace as ks

_ONE_AT_A_TIME = threading.Lock()


class Item(ks.Object, type="item"):
    """A line of the shopping list."""

    title: str
    done: bool = False


class _Side:
    """A vault, and one space in it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._vault = ks.open_vault(folder, name=name)

    def _follow(self, space: ks.Space) -> None:
        self._space = space
        self._items = space.all(Item).order_by("title")
        self._items.watch(lambda change: _say("state", items=[_shown(i) for i in change.results]))

    def found(self) -> None:
        self._follow(self._vault.space("Groceries"))  # makes it
        self._space.add(Item("Milk"))
        _say("code", code=self._space.invite().code)

    def join(self, code: str) -> None:
        self._follow(self._vault.join(code).result(timeout=30))
        _say("joined")

    def network(self, *, on: bool) -> None:
        self._vault.close()
        self._vault = ks.open_vault(self._folder, name=self._name, network=on)
        self._follow(self._vault.space("Groceries"))
        _say("network", on=on)

    def edit(self, old: str, new: str) -> None:
        for item in self._items:
            if item.title == old:
                item.title = new  # saved, shown, sent

    def tick(self, title: str) -> None:
        for item in self._items:
            if item.title == title:
                item.done = not item.done

    def add(self, title: str) -> None:
        self._space.add(Item(title))

    def keep(self) -> None:
        for item in self._items:
            for conflict in item.conflicts:
                conflict.keep(conflict.value)

    def quit(self) -> None:
        self._vault.close()
        sys.exit()


def _shown(item: Item) -> dict[str, object]:
    conflicts = [
        {
            "field": conflict.field,
            "who": conflict.who,
            "when": f"{conflict.when.astimezone():%H:%M:%S}",
            "others": [
                {
                    "value": other.value,
                    "who": other.who,
                    "when": f"{other.when.astimezone():%H:%M:%S}",
                }
                for other in conflict.others
            ],
        }
        for conflict in item.conflicts
    ]
    return {"id": item.id, "title": item.title, "done": item.done, "conflicts": conflicts}


def _say(event: str, **more: object) -> None:
    with _ONE_AT_A_TIME:  # callbacks come on a thread of their own
        print(json.dumps({"event": event, **more}), flush=True)


def main() -> None:
    """Carry out the orders of stdin until `quit`, or until nobody gives any."""
    side = _Side(Path(sys.argv[1]), sys.argv[2])
    for line in sys.stdin:
        order = json.loads(line)
        getattr(side, order.pop("do"))(**order)


if __name__ == "__main__":
    main()
