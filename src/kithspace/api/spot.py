"""Where does a value lie within an object in a space, and what is seen there?

A `Spot` is the address of a container: the object it lies in and the path of its cell. Collections,
records and texts hold one while they are part of an object in a space, and are refreshed in place
when their object changes (experience.md section 2: collections taken from an object stay live).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from kithspace.core.container_type import DictOf, ListOf, RecordOf, SetOf
from kithspace.core.field_type import UNREADABLE, FieldType
from kithspace.core.localize import localize
from kithspace.core.merging_type import TextOf
from kithspace.core.scalar_type import Anything, Maybe

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.api.attached import Attached
    from kithspace.core.document import Document
    from kithspace.core.edit import Edit
    from kithspace.core.path import Segment
    from kithspace.core.schema import Field

Path: TypeAlias = "tuple[Segment, ...]"


class Part(Protocol):
    """A container that is shown as something that lives."""

    def _kith_refresh(self, document: Document) -> None:
        """Show what is there now."""


class Spot(NamedTuple):
    """An address.

    Attributes:
        root: The object.
        path: Of the container's cell.
        holds: What the container is declared as.
        field: The field that it lies in, for errors.
    """

    root: Attached
    path: Path
    holds: FieldType
    field: Field

    @property
    def words(self) -> str:
        """`Task.tags`, for errors."""
        return f"{self.field.owner}.{self.field.name}"

    def below(self, *segments: Segment, holds: FieldType) -> Spot:
        """Return the address of a part."""
        return Spot(self.root, (*self.path, *segments), holds, self.field)

    def edit(self, make: Callable[[Document], list[Edit]]) -> None:
        """Write: one transaction, or part of the open one."""
        self.root.session.edit(self.root, make)

    def stored(self, value: object, holds: FieldType) -> object:
        """Return a value as it lies here.

        Raises:
            FieldType: It does not fit.
        """
        return localize(
            holds.check(value, self.field), holds, self.root.session.space_id, self.field
        )

    def entropy(self, size: int) -> bytes:
        """Random bytes, for ids of items."""
        return self.root.session.entropy(size)


MAKERS: dict[str, Callable[[Spot, Document], object]] = {}
"""What makes the live form of a container; each module of collections adds its own."""


def plain_type(holds: FieldType) -> FieldType:
    """Return a type without its `| None`."""
    return holds.inner if isinstance(holds, Maybe) else holds


def is_plain(holds: FieldType) -> bool:
    """Whether values of a type have no parts."""
    return not isinstance(plain_type(holds), (ListOf, SetOf, DictOf, RecordOf, Anything))


def show(spot: Spot, document: Document, old: object = None) -> object:
    """Return what is seen at an address: a plain value, or a live container.

    Args:
        spot: The address.
        document: The object as it is now.
        old: What was shown there before; a container of the same kind is refreshed and kept.
    """
    kind = document.kind(*spot.path)
    if kind == "scalar":
        return spot.holds.read(document.get(*spot.path), spot.root.session)
    maker = _maker(spot.holds, kind)
    if maker is None:
        return UNREADABLE
    if getattr(type(old), "_kith_maker", "") == maker and _lies_at(old, spot):
        old._kith_refresh(document)  # type: ignore[attr-defined]  # noqa: SLF001 - the protocol Part
        return old
    return MAKERS[maker](spot, document)


def _lies_at(old: object, spot: Spot) -> bool:
    address: Spot | None = getattr(old, "_kith_spot", None)
    return address is not None and address.path == spot.path


def _maker(declared: FieldType, kind: str) -> str | None:
    """Which live form fits a type and what is there; nothing there is an empty container."""
    match plain_type(declared):
        case RecordOf() if kind in ("map", "nothing"):
            return "record"
        case ListOf() if kind in ("list", "nothing"):
            return "list"
        case SetOf() if kind in ("set", "nothing"):
            return "set"
        case DictOf() if kind in ("map", "nothing", "set"):
            return "dict"
        case TextOf() if kind in ("text", "nothing"):
            return "text"
        case Anything():
            return {"list": "list", "set": "set", "map": "dict"}.get(kind)
        case _:
            return None
