"""Which plain values may a field hold?

One plain type, one of some values, a value or None, or anything plain. Section 4 of experience.md.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from kithspace.core.field_type import (
    NAMES,
    SCALARS,
    UNREADABLE,
    FieldType,
    Links,
    Shape,
    Where,
    link_of,
    refuse,
)
from kithspace.core.path import MAX_DEPTH
from kithspace.core.value import BlobValue, RefValue
from kithspace.errors import FieldValue

_EMPTY: Final[dict[str, object]] = {
    "bool": False,
    "int": 0,
    "float": 0.0,
    "str": "",
    "bytes": b"",
    "datetime": datetime(1970, 1, 1),  # noqa: DTZ001 - naive on purpose: no zone was ever given
    "date": date(1970, 1, 1),
    "time": time(),
    "timedelta": timedelta(),
    "Decimal": Decimal(),
    "UUID": UUID(int=0),
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """One of the plain types. An int fits a float field and stays an int."""

    kind: str

    @property
    def words(self) -> str:
        """As in an annotation."""
        return self.kind

    @property
    def give(self) -> str:
        """What to give instead."""
        return NAMES[SCALARS[self.kind]]

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return self.kind

    def fits(self, value: object) -> bool:
        """Whether a value is of this type: True is no int, a datetime no date."""
        kind = type(value)
        wanted = SCALARS[self.kind]
        if kind is wanted:
            return True
        if self.kind == "float":
            return kind is int
        return kind not in NAMES and isinstance(value, wanted) and not isinstance(value, enum.Enum)

    def check(self, value: object, where: Where) -> object:
        """Return the value; a subclass of a plain type becomes the plain type."""
        if not self.fits(value):
            raise refuse(value, where, self)
        if type(value) in NAMES:
            return value
        return _plain(value)

    def read(self, stored: object, links: Links) -> object:
        """Return it, if it is of this type."""
        return stored if self.fits(stored) else UNREADABLE

    def empty(self) -> object:
        """Return nought, nothing written, the first moment."""
        return _EMPTY[self.kind]


def plain_scalars() -> frozenset[type]:
    """Return the types whose values never change."""
    return frozenset(SCALARS.values()) | {type(None)}


def _plain(value: object) -> object:
    """Return the value of a subclass as the plain type."""
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int.__index__(value)
        case float():
            return float.__float__(value)
        case bytes():
            return bytes(memoryview(value))
        case Decimal():
            return Decimal(Decimal.__str__(value))
        case UUID():
            return UUID(int=value.int)
        case datetime():
            return datetime.combine(date(value.year, value.month, value.day), value.timetz())
        case date():
            return date(value.year, value.month, value.day)
        case timedelta():
            return timedelta(value.days, value.seconds, value.microseconds)
        case _:
            return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some plain values: an Enum or a Literal."""

    values: tuple[object, ...]
    enum: type[enum.Enum] | None = None

    @property
    def words(self) -> str:
        """The enum's name, or the values."""
        if self.enum is not None:
            return self.enum.__name__
        return " | ".join(repr(value) for value in self.values)

    @property
    def give(self) -> str:
        """What to give instead."""
        if self.enum is not None:
            names = [f"{self.enum.__name__}.{member.name}" for member in self.enum]
        else:
            names = [repr(value) for value in self.values]
        return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["choice", *self.values]

    def has(self, value: object) -> bool:
        """Whether a plain value is one of them; 1, True and 1.0 are three."""
        return any(type(one) is type(value) and one == value for one in self.values)

    def check(self, value: object, where: Where) -> object:
        """Return the plain value."""
        if self.enum is not None:
            if type(value) is self.enum:
                return value.value
        elif self.has(value):
            return value
        raise refuse(value, where, self)

    def read(self, stored: object, links: Links) -> object:
        """Return the member, or the literal."""
        if not self.has(stored):
            return UNREADABLE
        return stored if self.enum is None else self.enum(stored)

    def empty(self) -> object:
        """Return the first."""
        return self.values[0] if self.enum is None else self.enum(self.values[0])


@dataclass(frozen=True, slots=True)
class Maybe:
    """`X | None`."""

    inner: FieldType

    @property
    def words(self) -> str:
        """As in an annotation."""
        return f"{self.inner.words} | None"

    @property
    def give(self) -> str:
        """What to give instead."""
        return f"{self.inner.give} or None"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return ["maybe", self.inner.shape]

    def check(self, value: object, where: Where) -> object:
        """Return None, or what the inner type makes of it."""
        return None if value is None else self.inner.check(value, where)

    def read(self, stored: object, links: Links) -> object:
        """Return None, or what the inner type reads."""
        return None if stored is None else self.inner.read(stored, links)

    def empty(self) -> object:
        """Return None."""
        return None


@dataclass(frozen=True, slots=True)
class Anything:
    """Plain values, and lists, sets and dicts of anything."""

    @property
    def words(self) -> str:
        """As in an annotation."""
        return "any plain value"

    @property
    def give(self) -> str:
        """What to give instead."""
        return "a plain value, or a list, set or dict of them"

    @property
    def shape(self) -> Shape:
        """As JSON."""
        return "any"

    def check(self, value: object, where: Where) -> object:
        """Return the value; containers are copied."""
        return self._copy(value, where, MAX_DEPTH)

    def _copy(self, value: object, where: Where, depth: int) -> object:
        """`depth`: so many containers may still lie in each other; one may even hold itself."""
        if depth < 0:
            name = f"{where.owner}.{where.name}"
            raise FieldValue.of_field(name, "containers nested so deep", "a flatter value")
        match value:
            case list():
                return [self._copy(item, where, depth - 1) for item in value]
            case set():
                return {self._copy(item, where, depth - 1) for item in value}
            case dict():
                return {
                    self._copy(key, where, depth - 1): self._copy(item, where, depth - 1)
                    for key, item in value.items()
                }
            case _:
                return self._checked(value, where)

    def _checked(self, value: object, where: Where) -> object:
        """Return a value that is no container."""
        match value:
            case None | RefValue() | BlobValue():
                return value
            case enum.Enum():
                raise refuse(value, where, self)
            case _ if type(value) in NAMES:
                return value
            case _ if callable(getattr(value, "_kith_link", None)):
                return link_of(value)
            case _ if isinstance(value, tuple(SCALARS.values())):
                return _plain(value)
            case _:
                raise refuse(value, where, self)

    def read(self, stored: object, links: Links) -> object:
        """Return it; a reference becomes a `Ref`."""
        match stored:
            case RefValue():
                return links.make_ref(stored, None)
            case BlobValue():
                return links.make_blob(stored)
            case _:
                return stored

    def empty(self) -> object:
        """Return None."""
        return None
