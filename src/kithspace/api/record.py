"""What is a value with fields that lies within an object?

A record has no id: it is part of its object. Changing a field of one that lies in an object in a
space is saved; each field merges by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, dataclass_transform

from kithspace.api.attached import Inner
from kithspace.api.base import Fields, declare, fields_of
from kithspace.api.field import field
from kithspace.api.overriding import override
from kithspace.api.spot import MAKERS, Spot, plain_type
from kithspace.core.container_type import RecordOf

if TYPE_CHECKING:
    from kithspace.core.document import Document


@dataclass_transform(field_specifiers=(field,))
class Record(Fields):
    """The base of embedded values."""

    __slots__ = ("_kith_spot",)
    __kith_kind__ = "record"
    _kith_maker = "record"
    _kith_is_base = True

    _kith_spot: Spot

    @override
    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        declare(cls, Record, 1)

    @override
    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in fields_of(type(self)))

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __deepcopy__(self, memo: object) -> Fields:
        return self._kith_copy()

    @override
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> Any:  # noqa: ANN401 - as object
        raise TypeError(f"{type(self).__name__} cannot be pickled; use copy.copy.")

    def _kith_refresh(self, document: Document) -> None:
        """Show what is there now."""
        place = self._kith
        if place is not None:
            place.refresh(self, fields_of(type(self)), document)


def _make(spot: Spot, document: Document) -> Record:
    holds = plain_type(spot.holds)
    assert isinstance(holds, RecordOf)  # noqa: S101 - `show` makes records of records only
    new: Record = object.__new__(holds.record)
    object.__setattr__(new, "_kith", Inner(spot.root, spot.path))
    object.__setattr__(new, "_kith_spot", spot)
    return new


MAKERS["record"] = _make
