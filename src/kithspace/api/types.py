"""Which types does a space know, and which indexes are kept for them?

Rules:
    E4  A type is registered when it is first written in a space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.api.untyped import make_class
from kithspace.core.condition import leaf_of
from kithspace.core.query import index_columns
from kithspace.core.registration import (
    StoredField,
    e4_differences,
    read_stored,
    registration,
    schema_id,
)
from kithspace.errors import BadSchema
from kithspace.ports import DraftObject, DraftWrite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kithspace.api.object import Object
    from kithspace.core.schema import Schema
    from kithspace.ports import SpaceBackend


class Types:
    """The types of a space; used under its lock."""

    def __init__(self, backend: SpaceBackend) -> None:
        self._backend = backend
        self._registered: set[Schema] = set()
        self._indexed: set[Schema] = set()
        self._classes: dict[tuple[str, frozenset[str], frozenset[str]], type[Object]] = {}

    def unregistered(self, schemas: Iterable[Schema]) -> list[Schema]:
        """Return those that were not looked at yet."""
        return [one for one in schemas if one not in self._registered]

    def registration(self, schema: Schema) -> list[DraftObject]:
        """Return what registers a type, if it is not written down yet (E4).

        Raises:
            BadSchema: A field is written down with another type under the same version.
        """
        if schema.is_open:
            return []
        object_id = schema_id(self._backend.id, schema.name, schema.version)
        stored = self._backend.get(object_id)
        differing = e4_differences(schema, stored)
        if differing:
            raise BadSchema.differs(
                schema.class_name, schema.version, self._backend.name, differing
            )
        edits = registration(schema, stored)
        if not edits:
            return []
        writes = tuple(DraftWrite(path, value, zero=True) for path, value in edits)
        return [DraftObject(object_id, 0, 1, stored, writes)]

    def take(self, schema: Schema) -> None:
        """A type is registered now."""
        self._registered.add(schema)
        self._indexed.discard(schema)
        self.declare(schema)

    def declare(self, schema: Schema) -> None:
        """Keep the indexes that a type declares."""
        if schema in self._indexed or schema.is_open:
            return
        self._indexed.add(schema)
        leaves = {field.name: leaf_of(field, (field.name,)) for field in schema.fields.values()}
        columns = {name: index_columns(leaf) for name, leaf in leaves.items() if leaf.is_indexed}
        self._backend.declare(schema.name, schema.version, columns)

    def class_for(self, type_name: str, more: Iterable[str]) -> type[Object]:
        """Return a class for a type that the program has none for."""
        newest = max(self._backend.types().get(type_name, 1), 1)
        stored: dict[str, StoredField] = {}
        for version in range(1, newest + 1):
            stored |= read_stored(
                self._backend.get(schema_id(self._backend.id, type_name, version))
            )
        names = frozenset(more).difference(stored)
        key = (type_name, frozenset(stored), names)
        found = self._classes.get(key)
        if found is None:
            found = make_class(type_name, newest, stored, sorted(names))
            self._classes[key] = found
        return found
