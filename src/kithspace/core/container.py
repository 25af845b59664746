"""What does the value of a container unfold to?

A container's value carries its whole content; in an object it lies as a cell per child (W8), with
the same stamp. This module says which cells those are.

Rules:
    W8   Children unfold on apply.
    L1   A list item has three cells: presence `(list, id)`, value `(list, id, "v")`, position
         `(list, id, "p")`; only presence makes an item.
    A4   Item i of a list put in with a seed has the id seed ‖ u32 i, and its position by A11.
"""

from collections.abc import Iterator
from typing import Final

from kithspace.core.codec import Value
from kithspace.core.ids import ItemId
from kithspace.core.path import name_key, segment_key
from kithspace.core.position import a11_positions
from kithspace.core.value import LIST, MAP, ROOT, SET, Form

PRESENT_ITEM: Final = (MAP, ())
"""The value of an item's presence: a container, else W6 would hide its value and position."""

VALUE_KEY: Final = name_key("v")
POSITION_KEY: Final = name_key("p")


def unfold(form: Form) -> Iterator[tuple[bytes, Value]]:
    """Yield the key of each child's segment, and its value; a scalar has none."""
    code = form[0]
    if code in (MAP, ROOT):
        flat = iter(form[-1])
        for key in flat:
            yield segment_key(key), next(flat)
    elif code == SET:
        for element in form[1]:
            yield segment_key(element), True
    elif code == LIST:
        yield from _items(form[1], form[2])


def marker(form: Form) -> Form:
    """Return what is stored at the container's own cell: the form without its content."""
    if form[0] == ROOT:
        return (ROOT, form[1], ())
    if form[0] == LIST:
        return _LIST_MARKER
    return (form[0], ())


def item_id(seed: bytes, index: int) -> ItemId:
    """The id of item `index` of those put in with `seed` (A4)."""
    return ItemId(seed + index.to_bytes(4, "big"))


def item_value(position: str, value: Value) -> Form:
    """Return the value of a new item's presence: one write makes all three cells (L1, W8)."""
    return (MAP, ("p", position, "v", value))


_LIST_MARKER: Final = (LIST, b"", ())


def _items(seed: bytes, values: Form) -> Iterator[tuple[bytes, Value]]:
    if not values:
        return
    positions = a11_positions(None, None, seed, len(values))
    for index, value in enumerate(values):
        yield segment_key(item_id(seed, index)), item_value(positions[index], value)
