"""What may a field hold?

A field type knows four things: how it is written in a sentence and in a stored schema, which
values fit, how a stored value is read as one of them, and its empty value. `check` turns a value
of the program into the one that is stored (an enum member into its plain value, a referenced
object into its id) and raises `FieldType`; `read` does the reverse and gives `UNREADABLE` for what
does not fit, since reading is tolerant (experience.md section 2).

Sections 4 (field types) and 5 (`FieldType`) of experience.md; E4 (the stored notation, `shape`).
"""

from __future__ import annotations

import enum
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias
from uuid import UUID

from kithspace.errors import FieldType as FieldTypeError

if TYPE_CHECKING:
    from kithspace.core.value import BlobValue, RefValue

Shape: TypeAlias = "str | list[object]"
"""A field type as JSON: `"int"`, `["list", "str"]`, `["choice", "open", "done"]` …"""


class Unreadable(enum.Enum):
    """A stored value that does not fit the declared type."""

    TOKEN = 0


UNREADABLE: Final = Unreadable.TOKEN

_SHOWN = 40
"""A value in an error text is cut to so many characters."""

NAMES: Final[dict[type, str]] = {
    str: "text",
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    bytes: "bytes",
    datetime: "a datetime",
    date: "a date",
    time: "a time",
    timedelta: "a timedelta",
    Decimal: "a Decimal",
    UUID: "a UUID",
    list: "a list",
    set: "a set",
    dict: "a dict",
}

SCALARS: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID)
}


class FieldType(Protocol):
    """What every field type answers."""

    @property
    def words(self) -> str:
        """As in an annotation: `int | None`."""

    @property
    def give(self) -> str:
        """What to give instead of what does not fit: “a whole number”."""

    @property
    def shape(self) -> Shape:
        """As JSON, for the stored schema."""

    def check(self, value: object, where: Where) -> object:
        """Return what is stored for a value.

        Raises:
            FieldType: It does not fit.
        """

    def read(self, stored: object, links: Links) -> object:
        """Return the value of what is stored, or `UNREADABLE`."""

    def empty(self) -> object:
        """Return what a required field without a value shows."""


class Where(Protocol):
    """The field that an error names."""

    @property
    def owner(self) -> str:
        """The class, as the user wrote it."""

    @property
    def name(self) -> str:
        """The field."""

    @property
    def type(self) -> FieldType:
        """What the whole field holds."""


class Linked(Protocol):
    """An object or `Ref` of the API, as far as a reference needs it."""

    def _kith_link(self) -> object:
        """Its ids as a `RefValue` that names its space; itself, if it is in no space yet."""


class Links(Protocol):
    """How references become objects again, and containers observed ones."""

    def resolve(self, ref: RefValue, cls: type) -> object:
        """The object, or None if it is not here or of another type."""

    def make_ref(self, ref: RefValue, cls: type | None) -> object:
        """A `Ref`; `cls` is what it is declared to lead to."""

    def make_blob(self, blob: BlobValue) -> object:
        """A `Blob`."""


def describe(value: object) -> str:
    """Return “'high' is text”."""
    shown = repr(value)
    if len(shown) > _SHOWN:
        shown = shown[: _SHOWN - 1] + "…"
    if value is None:
        return "None is no value"
    if isinstance(value, enum.Enum):
        return f"{shown} is of {type(value).__name__}"
    name = NAMES.get(type(value)) or next(
        (words for kind, words in NAMES.items() if isinstance(value, kind)), ""
    )
    return f"{shown} is {name or 'of type ' + type(value).__name__}"


def with_article(word: str) -> str:
    """Return “an Address”."""
    return f"{'an' if word[:1] in 'AEIOUaeiou' else 'a'} {word}"


def refuse(value: object, where: Where, wanted: FieldType) -> FieldTypeError:
    """Return the error to raise; `wanted` may be the type of an element."""
    return FieldTypeError.of(
        where.owner, where.name, where.type.words, describe(value), wanted.give
    )


def link_of(value: object) -> object:
    """Return the ids of an object or `Ref`; itself, if it is in no space yet."""
    linked: Linked = value  # type: ignore[assignment]  # whoever calls has looked
    return linked._kith_link()  # noqa: SLF001 - the protocol Linked
