"""Which values did several people write without knowing of each other?

The value shown is the winner; the others are kept until someone writes again. Equal values are
shown as one (data rule W5). Of a container only the winner's content is left (W7), so conflicts are
of plain values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kithspace.api.base import Fields, fields_of
from kithspace.api.links import moment
from kithspace.api.overriding import override
from kithspace.core import edit
from kithspace.core.field_type import UNREADABLE
from kithspace.core.ids import ItemId
from kithspace.core.localize import localize
from kithspace.core.path import segment_of
from kithspace.core.scalar_type import Anything
from kithspace.core.value import from_payload, is_scalar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from kithspace.api.attached import Attached
    from kithspace.core.cell import Cell, Head
    from kithspace.core.field_type import FieldType
    from kithspace.core.path import Segment
    from kithspace.core.schema import Field


class Other(NamedTuple):
    """A value that is not shown: who wrote it, and when."""

    value: object
    who: str
    when: datetime


class Conflict:
    """A field with several values.

    Attributes:
        field: Its name; of a part of it `at.city`, `lines[2]`.
    """

    __slots__ = ("_declared", "_heads", "_path", "_root", "field")

    def __init__(
        self,
        root: Attached,
        path: tuple[Segment, ...],
        heads: Sequence[Head],
        declared: Field | None,
    ) -> None:
        self._root = root
        self._path = path
        self._heads = heads
        self._declared = declared
        self.field = _words(root, path)

    @property
    def value(self) -> object:
        """The value that is shown."""
        return self._read(self._heads[0])

    @property
    def who(self) -> str:
        """Who wrote the value that is shown."""
        return self._other(self._heads[0]).who

    @property
    def when(self) -> datetime:
        """When it was written."""
        return moment(self._heads[0].stamp.milliseconds)

    @property
    def others(self) -> Sequence[Other]:
        """The values that are not shown, the latest first."""
        return [self._other(head) for head in self._heads[1:]]

    def keep(self, value: object) -> None:
        """Settle it: everybody sees this value. It need not be one of those that were written.

        Raises:
            FieldType: The field does not hold such a value.
        """
        root, declared = self._root, self._declared
        stored = value
        holds = self._holds
        if declared is not None:
            stored = localize(holds.check(value, declared), holds, root.session.space_id, declared)
        words, entropy = f"{root.schema.class_name}.{self.field}", root.session.entropy
        root.session.edit(root, lambda doc: edit.assign(doc, self._path, stored, words, entropy))

    @property
    def _holds(self) -> FieldType:
        if self._declared is not None and len(self._path) == 1:
            return self._declared.type
        return Anything()

    def _read(self, head: Head) -> object:
        stored = from_payload(head.value)
        value = self._holds.read(stored, self._root.session)
        return stored if value is UNREADABLE else value

    def _other(self, head: Head) -> Other:
        who = self._root.session.backend.who(head.stamp)
        return Other(self._read(head), who.name, moment(head.stamp.milliseconds))

    @override
    def __repr__(self) -> str:
        others = ", ".join(f"{one.value!r} ({one.who})" for one in self.others)
        return f"{self.field}: {self.value!r} is shown; also {others}"


def conflicts_of(obj: Fields) -> list[Conflict]:
    """Return the conflicts of an object; none while it is in no space."""
    place = obj._kith  # noqa: SLF001 - ours
    if place is None:
        return []
    root = place.root
    root.session.check_open()
    declared = fields_of(type(obj))
    with root.session.lock:
        return [
            Conflict(root, path, heads, declared.get(str(path[0])))
            for path, heads in _cells(root.doc.root, ())
        ]


def _cells(
    cell: Cell, path: tuple[Segment, ...]
) -> Iterator[tuple[tuple[Segment, ...], list[Head]]]:
    """Yield the cells below with several plain values that differ."""
    for segment, kid in cell.kids.items():
        below = (*path, segment_of(segment))
        heads = _differing(kid)
        if len(heads) > 1 and below[-1] != "p":
            yield below, heads
        yield from _cells(kid, below)


def _differing(cell: Cell) -> list[Head]:
    found: list[Head] = []
    if cell.heads and not is_scalar(cell.heads[0].value):
        return found
    for head in cell.heads:
        is_known = any(
            type(one.value) is type(head.value) and one.value == head.value for one in found
        )
        if is_scalar(head.value) and not is_known:
            found.append(head)
    return found


def _words(root: Attached, path: tuple[Segment, ...]) -> str:
    """Return how a person would call a cell."""
    words = str(path[0])
    place = 1
    while place < len(path):
        segment = path[place]
        is_item = place + 1 < len(path) and path[place + 1] == "v" and isinstance(segment, bytes)
        if is_item and isinstance(segment, bytes):
            ids = root.doc.items(*path[:place])
            words += f"[{ids.index(ItemId(segment))}]" if segment in ids else "[…]"
            place += 2
            continue
        words += f".{segment}" if isinstance(segment, str) else f"[{from_payload(segment)!r}]"
        place += 1
    return words
