"""What is a thing that an app mutates?

A class that derives from `Object` is a type; its annotations are fields. An object that was not
added yet is a plain Python object; in a space every assignment is saved, shown and sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, dataclass_transform

from kithspace.api.base import Fields, declare, fields_of
from kithspace.api.conflict import Conflict, conflicts_of
from kithspace.api.field import field
from kithspace.api.meta import ObjectMeta
from kithspace.api.overriding import override
from kithspace.core.ids import to_text
from kithspace.core.schema import type_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kithspace.api.attached import Attached
    from kithspace.api.space import Space
    from kithspace.core.schema import Schema
    from kithspace.core.value import RefValue


@dataclass_transform(field_specifiers=(field,), eq_default=False)
class Object(Fields):
    """The base of all types."""

    __slots__ = ()
    __kith_kind__ = "object"
    __kith_type__: ClassVar[str] = ""
    __kith_version__: ClassVar[int] = 1
    __kith_is_open__: ClassVar[bool] = False
    __kith_schema__: ClassVar[Schema | None] = None
    _kith_is_base = True

    _kith: Attached | None

    @override
    def __init_subclass__(cls, *, type: str = "", version: int = 1) -> None:  # noqa: A002 - as typed in a class line
        super().__init_subclass__()
        cls.__kith_type__ = type_name(cls, type)
        cls.__kith_version__ = version
        cls.__kith_schema__ = None
        declare(cls, Object, 1)

    @property
    def id(self) -> str:
        """Its id; empty while it is in no space."""
        return to_text(self._kith.id) if self._kith is not None else ""

    @property
    def space(self) -> Space | None:
        """The space it is in; None: it is a plain object."""
        return self._kith.session.space if self._kith is not None else None

    @property
    def meta(self) -> ObjectMeta:
        """Who made and changed it, and when."""
        return ObjectMeta(self._kith, type(self).__kith_type__)

    @property
    def conflicts(self) -> Sequence[Conflict]:
        """Fields for which several people wrote different values without knowing of each other."""
        return conflicts_of(self)

    @override
    def __copy__(self) -> Fields:
        return self._kith_copy()

    def __deepcopy__(self, memo: object) -> Fields:
        return self._kith_copy()

    @override
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> Any:  # noqa: ANN401 - as object
        raise TypeError(f"{type(self).__name__} cannot be pickled; use ks.to_dict.")

    def _kith_link(self) -> RefValue | Object:
        from kithspace.core.value import RefValue  # noqa: PLC0415

        place = self._kith
        return self if place is None else RefValue(place.id, place.session.space_id)


def to_dict(obj: Object, *, unknown: bool = False) -> dict[str, Any]:
    """Return a plain deep copy of an object's fields.

    Args:
        obj: In a space or not.
        unknown: Add fields of other versions and apps.
    """
    from kithspace.api.plain import plain_value, unknown_fields  # noqa: PLC0415

    found = {name: plain_value(getattr(obj, name)) for name in fields_of(type(obj))}
    return found | unknown_fields(obj) if unknown or type(obj).__kith_is_open__ else found
