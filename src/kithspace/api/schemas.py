"""Which schema does a class stand for, and which ones do its references lead to?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.api.base import fields_of
from kithspace.api.spot import plain_type
from kithspace.core.link_type import Reference
from kithspace.core.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.api.object import Object


def schema_of(cls: type[Object]) -> Schema:
    """Return the schema of a class.

    Raises:
        BadSchema: It cannot be a type.
    """
    found: Schema | None = cls.__dict__.get("__kith_schema__")
    if found is None:
        fields = fields_of(cls)
        found = Schema(
            cls.__kith_type__, cls.__kith_version__, fields, cls.__name__, cls.__kith_is_open__
        )
        cls.__kith_schema__ = found
    return found


def schemas_around(cls: type[Object]) -> Mapping[str, Schema]:
    """Return the schemas that references lead to from a class, by type name."""
    found: dict[str, Schema] = {}
    todo: list[type[Object]] = [cls]
    while todo:
        schema = schema_of(todo.pop())
        for field in schema.fields.values():
            kind = plain_type(field.type)
            if not isinstance(kind, Reference) or kind.target is None or kind.type_name in found:
                continue
            found[kind.type_name] = schema_of(kind.target)
            todo.append(kind.target)
    return found
