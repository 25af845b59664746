"""Which class stands for a type that the program has none for?

One that is made of what the space has written down about the type (E4), and that takes every other
name as a field that holds anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.api.counter import Counter
from kithspace.api.field import FieldSlot
from kithspace.api.object import Object
from kithspace.api.text import Text
from kithspace.core.registration import field_of
from kithspace.core.scalar_type import Anything
from kithspace.core.schema import RESERVED, Field, Schema, unknown_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kithspace.core.registration import StoredField

_CLASSES = {"text": Text, "counter": Counter}


def make_class(
    type_name: str, version: int, stored: Mapping[str, StoredField], more: Iterable[str]
) -> type[Object]:
    """Return a class for a type.

    Args:
        type_name: The type.
        version: The newest that is written down.
        stored: Its fields, as they are written down.
        more: Names of further fields.
    """
    name = type_name.rpartition(".")[2].capitalize() or "Thing"
    cls = _blank_class(name)
    fields = {
        field: field_of(name, field, found, _CLASSES)
        for field, found in stored.items()
        if _is_possible(field)
    }
    for field in more:
        if field not in fields:
            fields[field] = Field(name, field, Anything(), default=None)
    for field in fields:
        setattr(cls, field, FieldSlot(field))
    cls.__kith_type__ = type_name
    cls.__kith_version__ = version
    cls.__kith_fields__ = fields
    cls.__kith_is_open__ = True
    cls.__kith_schema__ = Schema(type_name, version, fields, name, is_open=True)
    return cls


def _is_possible(name: str) -> bool:
    return name not in RESERVED and not name.startswith("_")


def _blank_class(name: str) -> type[Object]:
    """Return a class without fields; types of kithspace's own are among those it may stand for."""

    class Untyped(Object, type="untyped"):
        """An object of a type that the program has no class for."""

        def __getattr__(self, name: str) -> object:
            place = self._kith
            if place is None or name.startswith("_") or place.doc.kind(name) == "nothing":
                raise unknown_field(type(self).__name__, name, type(self).__kith_fields__)
            return place.read(self, Field(type(self).__name__, name, Anything(), default=None))

    Untyped.__name__ = Untyped.__qualname__ = name
    return Untyped
