"""What should a list be, said as plainly as possible?

An item is there if the greatest write of its presence says so; its value and its position are each
the greatest write of theirs that is not older than its presence, which is not older than the list.
"""

from collections.abc import Sequence
from typing import Any

from kithspace.core.stamp import Stamp
from kithspace.core.write import Write
from tests.models.cells_model import Block


def model_list(blocks: Sequence[Block], field: str) -> list[object]:
    """The values of the list at a field, in order; items are maps of position and value."""
    told: dict[tuple[bytes, str], list[tuple[Stamp, object]]] = {}
    cleared = Stamp(0, b"")
    for block in blocks:
        for write in block.writes:
            if write.path == (field,):
                assert write.value == (18, bytes(8), ())
                cleared = max(cleared, block.stamp)
            elif write.path[0] == field:
                for part, value in _parts(write):
                    item: Any = write.path[1]
                    told.setdefault((item, part), []).append((block.stamp, value))
    shown = []
    for item in {item for item, part in told if part == ""}:
        since, is_there = max(told[item, ""])
        if not is_there or since < cleared:
            continue
        last = {part: max(told[item, part], key=lambda one: one[0]) for part in "pv"}
        if all(stamp >= since for stamp, _ in last.values()):
            shown.append((last["p"][1], item, last["v"][1]))
    return [value for _, _, value in sorted(shown, key=lambda one: one[:2])]


def _parts(write: Write) -> list[tuple[str, object]]:
    """The cells of an item that a write sets; `""` is the presence."""
    value: Any = write.value
    if len(write.path) == 3:
        return [(str(write.path[2]), value)]
    if value == (0,):
        return [("", False)]
    return [("", True), ("p", value[1][1]), ("v", value[1][3])]
