"""How is a type written down in a space, so that others can read it?

Rules:
    E3  The object `kith.schema` of a type and version has a known id.
    E4  A type is registered by zero writes, one per field, when it is first written in a space. The
        same field with another type under one version is `BadSchema`; fields that only one side
        has make a union.
    W9  Zero writes: whoever registers first, and whoever registers again, changes nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from kithspace.core.compose import compose, compose_root
from kithspace.core.container_type import DictOf, ListOf, SetOf
from kithspace.core.field_type import SCALARS, FieldType, Shape
from kithspace.core.json_value import to_tagged
from kithspace.core.link_type import BlobOf, Reference, RefTo
from kithspace.core.merging_type import CounterOf, TextOf
from kithspace.core.object_id import known_object_id
from kithspace.core.scalar_type import Anything, Choice, Maybe, Scalar
from kithspace.core.schema import MISSING, Field, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.core.codec import Value
    from kithspace.core.document import Document
    from kithspace.core.edit import Edit
    from kithspace.core.ids import ObjectId, SpaceId
    from kithspace.core.value import Form

SCHEMA_TYPE: Final = "kith.schema"
FIELDS: Final = "fields"
_NO_SEED: Final = bytes


class StoredField(NamedTuple):
    """A field as it is written in a space."""

    shape: Shape
    default: object = None
    is_indexed: bool = False
    text: bool = False
    was: str = ""
    doc: str = ""


def schema_id(space: SpaceId, type_name: str, version: int) -> ObjectId:
    """Return the id of the object that a type is written in (E3)."""
    return known_object_id(space, SCHEMA_TYPE, f"{type_name}/{version}".encode())


def registration(schema: Schema, stored: Document | None) -> list[Edit]:
    """Return the zero writes that register what is not written down yet (E4)."""
    known = read_stored(stored)
    edits: list[Edit] = []
    if stored is None or not stored.live:
        edits.append(((), compose_root_of(schema)))
    for name, field in schema.fields.items():
        if name not in known:
            edits.append(((FIELDS, name), _form(field)))
    return edits


def compose_root_of(schema: Schema) -> Form:
    """Return the root of a schema's object: which type and version it describes."""
    return compose_root(SCHEMA_TYPE, {"name": schema.name, "version": schema.version}, _NO_SEED)


def e4_differences(schema: Schema, stored: Document | None) -> list[str]:
    """E4: names of fields that are stored with another type under the same version."""
    known = read_stored(stored)
    return [
        name
        for name, field in schema.fields.items()
        if name in known and json.dumps(known[name].shape) != json.dumps(field.type.shape)
    ]


def read_stored(stored: Document | None) -> dict[str, StoredField]:
    """Return the fields that are written down; what cannot be read is left out."""
    content = stored.get(FIELDS) if stored is not None else None
    if not isinstance(content, dict):
        return {}
    fields = {}
    for name, items in content.items():
        field = _read_field(items)
        if isinstance(name, str) and field is not None:
            fields[name] = field
    return fields


def _form(field: Field) -> Value:
    default = None
    if not field.is_container and field.factory is None and field.default is not MISSING:
        default = json.dumps(to_tagged(field.type.check(field.default, field)))
    items = [
        json.dumps(field.type.shape),
        default,
        field.index,
        field.text,
        field.was,
        field.doc,
    ]
    return compose(items, field.name, _NO_SEED, 2)


def _read_field(items: object) -> StoredField | None:
    if not isinstance(items, list) or not items or not isinstance(items[0], str):
        return None
    try:
        shape = json.loads(items[0])
    except ValueError:
        return None
    rest = [*items[1:6], *[None] * 5][:5]
    return StoredField(
        shape, rest[0], rest[1] is True, rest[2] is True, _text(rest[3]), _text(rest[4])
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


# ---------------------------------------------------------------- types from their shapes


def type_of(shape: object, classes: Mapping[str, type]) -> FieldType:
    """Return the field type that a shape describes; what is not known holds anything.

    Args:
        shape: As JSON.
        classes: The API's classes by `__kith_kind__`, for counters and texts.
    """
    match shape:
        case str():
            return _plain_type(shape, classes)
        case ["maybe", inner]:
            found = type_of(inner, classes)
            return found if isinstance(found, Anything) else Maybe(found)
        case ["list", of]:
            return ListOf(type_of(of, classes))
        case ["set", of]:
            return SetOf(type_of(of, classes))
        case ["dict", key, of]:
            return DictOf(type_of(key, classes), type_of(of, classes))
        case ["choice", *values] if values:
            return Choice(tuple(values))
        case ["object", str(name)]:
            return Reference(None, name)
        case ["ref", str(name)]:
            return RefTo(name)
        case _:
            return Anything()


def _plain_type(shape: str, classes: Mapping[str, type]) -> FieldType:
    if shape in SCALARS:
        return Scalar(shape)
    if shape == "blob":
        return BlobOf()
    return _merging(shape, classes) if shape in ("counter", "text") else Anything()


def _merging(shape: str, classes: Mapping[str, type]) -> FieldType:
    return TextOf(classes["text"]) if shape == "text" else CounterOf(classes["counter"])


def field_of(owner: str, name: str, stored: StoredField, classes: Mapping[str, type]) -> Field:
    """Return a field as it is written down, for programs that have no class for its type."""
    kind = type_of(stored.shape, classes)
    if isinstance(kind, (Scalar, Choice, Reference, RefTo)):
        kind = Maybe(kind)
    return Field(
        owner,
        name,
        kind,
        default=None if not _is_kept(kind) else MISSING,
        factory=kind.empty if _is_kept(kind) else None,
        index=stored.is_indexed,
        text=stored.text,
        was=stored.was,
        doc=stored.doc,
    )


def _is_kept(kind: FieldType) -> bool:
    return not isinstance(kind, (Maybe, Anything, BlobOf))
