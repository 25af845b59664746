"""What may a field hold that consists of parts?

`check` gives plain nested lists, sets and dicts of stored values: the initial value of a container
(W8). The API shows containers as observed collections; `read` makes plain ones.

Section 4 of experience.md: elements of sets and keys of dicts are plain values; texts and counters
are fields of objects and records only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kithspace.core.field_type import (
    UNREADABLE,
    FieldType,
    Links,
    Shape,
    Where,
    refuse,
    with_article,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kithspace.core.schema import Field


@dataclass(frozen=True, slots=True)
class ListOf:
    """`list[X]`."""

    of: FieldType

    @property
    def words(self) -> str:
        """As in an annotation."""
        return f"list[{self.of.words}]"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "a list"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["list", self.of.shape]

    def check(self, value: object, where: Where) -> object:
        """Return a list of stored values."""
        if not isinstance(value, list):
            raise refuse(value, where, self)
        check = self.of.check
        return [check(item, where) for item in value]

    def read(self, stored: object, links: Links) -> object:
        """Return a plain list without what cannot be read."""
        if not isinstance(stored, list):
            return UNREADABLE
        read = [self.of.read(item, links) for item in stored]
        return [item for item in read if item is not UNREADABLE]

    def empty(self) -> object:
        """Return []."""
        return []


@dataclass(frozen=True, slots=True)
class SetOf:
    """`set[X]`."""

    of: FieldType

    @property
    def words(self) -> str:
        """As in an annotation."""
        return f"set[{self.of.words}]"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "a set"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["set", self.of.shape]

    def check(self, value: object, where: Where) -> object:
        """Return a set of stored values."""
        if not isinstance(value, set):
            raise refuse(value, where, self)
        check = self.of.check
        return {check(item, where) for item in value}

    def read(self, stored: object, links: Links) -> object:
        """Return a plain set without what cannot be read."""
        if not isinstance(stored, set):
            return UNREADABLE
        read = [self.of.read(item, links) for item in stored]
        return {item for item in read if item is not UNREADABLE}

    def empty(self) -> object:
        """Return set()."""
        return set()


@dataclass(frozen=True, slots=True)
class DictOf:
    """`dict[K, X]`."""

    key: FieldType
    of: FieldType

    @property
    def words(self) -> str:
        """As in an annotation."""
        return f"dict[{self.key.words}, {self.of.words}]"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "a dict"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["dict", self.key.shape, self.of.shape]

    def check(self, value: object, where: Where) -> object:
        """Return a dict of stored values."""
        if not isinstance(value, dict):
            raise refuse(value, where, self)
        key, check = self.key.check, self.of.check
        return {key(k, where): check(v, where) for k, v in value.items()}

    def read(self, stored: object, links: Links) -> object:
        """Return a plain dict without what cannot be read."""
        if not isinstance(stored, dict):
            return UNREADABLE
        read = {self.key.read(k, links): self.of.read(v, links) for k, v in stored.items()}
        return {k: v for k, v in read.items() if k is not UNREADABLE and v is not UNREADABLE}

    def empty(self) -> object:
        """Return {}."""
        return {}


class RecordValue(Protocol):
    """A record of the API, as far as its values are needed."""

    def _kith_given(self) -> Iterator[tuple[Field, object]]:
        """The fields that were given a value."""


@dataclass(frozen=True, slots=True)
class RecordOf:
    """An embedded value with fields of its own."""

    record: type

    @property
    def words(self) -> str:
        """The class."""
        return self.record.__name__

    @property
    def give(self) -> str:
        """What to give instead."""
        return with_article(self.words)

    @property
    def fields(self) -> Mapping[str, Field]:
        """Its fields; known when the class is."""
        fields: Mapping[str, Field] = self.record.__kith_fields__  # type: ignore[attr-defined]
        return fields

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["record", *([name, field.type.shape] for name, field in self.fields.items())]

    def check(self, value: object, where: Where) -> object:
        """Return a dict of the values that were given."""
        if not isinstance(value, self.record):
            raise refuse(value, where, self)
        given: RecordValue = value  # type: ignore[assignment]  # what the class promises
        return {
            field.name: field.type.check(one, field)
            for field, one in given._kith_given()  # noqa: SLF001 - the protocol RecordValue
        }

    def read(self, stored: object, links: Links) -> object:
        """Return a plain record."""
        if not isinstance(stored, dict):
            return UNREADABLE
        read = {
            name: field.type.read(stored[name], links)
            for name, field in self.fields.items()
            if name in stored
        }
        return self.record(**{k: v for k, v in read.items() if v is not UNREADABLE})

    def empty(self) -> object:
        """Return a record of empty values."""
        return self.record(
            **{f.name: f.type.empty() for f in self.fields.values() if f.is_required}
        )
