"""Which values may a cell hold, and in which form do they travel?

A value has three forms: the Python value of the API, the payload form of protocol.md section 2
(plain CBOR values, and tuples that begin with a code), and its projection (`core/projection`).
The exact grammar of what comes from outside is in `core/grammar`.

Rules:
    protocol 2   The forms; what went in comes out with the same type, an int stays an int.
    security 2.3 Integers of any size up to 1,024 bytes; no NaN, no infinity, no surrogates.
    security 2.4 A value has at most 128 KiB.
    A6           An unknown code is kept and passed on, and shown as `UnknownValue`.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kithspace.core.codec import Value
from kithspace.core.ids import ObjectId, SpaceId
from kithspace.errors import FieldValue, TooBig

Form: TypeAlias = tuple[Any, ...]
"""A tuple in payload form: a code and its parts, which its grammar types."""

MAX_VALUE_BYTES: Final = 128 * 1024
MAX_INT_BYTES: Final = 1024
MAX_DECIMAL_LENGTH: Final = 1024
LEAST_PLAIN: Final = -(2**64)
GREATEST_PLAIN: Final = 2**64 - 1

ABSENT: Final = 0
BIG_INT: Final = 1
DATETIME: Final = 2
DATE: Final = 3
TIME: Final = 4
TIMEDELTA: Final = 5
DECIMAL: Final = 6
UUID_CODE: Final = 7
REF: Final = 8
BLOB: Final = 9
MAP: Final = 16
SET: Final = 17
LIST: Final = 18
SUM: Final = 19
BASE: Final = 20
TEXT: Final = 21
TEXT_UPDATE: Final = 22
TEXT_PART: Final = 23
ROOT: Final = 24
ZONE_NAME: Final = re.compile(r"[A-Za-z0-9_+-]{1,30}(/[A-Za-z0-9_+-]{1,30}){0,3}")
"""Names of time zones; none of them is a path out of the zone tables."""

STRUCTURES: Final = frozenset(
    {ABSENT, MAP, SET, LIST, SUM, BASE, TEXT, TEXT_UPDATE, TEXT_PART, ROOT}
)
"""Codes of what is not a scalar."""

DELETED: Final = (ABSENT,)
"""The value of a deleted root, and of what is not in a map, set or list any more."""


class RefValue(NamedTuple):
    """A reference to an object; `space` is None for the space that the reference lies in."""

    object: ObjectId
    space: SpaceId | None = None


class BlobValue(NamedTuple):
    """A file that lies beside the cells, and the key that opens it."""

    id: bytes
    key: bytes
    size_bytes: int
    media_type: str


class CounterValue(NamedTuple):
    """A counter that starts anew at `start`, as `ks.Counter(start)` assigned to a field does."""

    start: int


class TextValue(NamedTuple):
    """A text that starts anew with `text`."""

    text: str


class UnknownValue(NamedTuple):
    """A value whose code this version does not know; it can be stored again as it is."""

    form: Form


def to_payload(value: object, field: str) -> Value:
    """Return the payload form of a scalar.

    Args:
        value: None, bool, int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID,
            Enum (its plain value), `RefValue`, `BlobValue` or `UnknownValue`.
        field: The field as the user calls it, such as `Task.priority`, for the error.

    Raises:
        FieldValue: The value cannot be stored: another type, NaN, an infinity, a surrogate.
        TooBig: It has over 128 KiB.
    """
    convert = _TO.get(type(value))
    if convert is None:
        convert = _nearest(value, field)
    return convert(value, field)


def from_payload(value: Value) -> object:
    """Return the Python value of a scalar; a code without one becomes an `UnknownValue`.

    The value was checked before: by `check_scalar`, or made by `to_payload`.
    """
    if type(value) is not tuple:
        return value
    read = _FROM.get(value[0])
    return UnknownValue(value) if read is None else read(value)


def is_exact(value: Value) -> bool:
    """Whether the projection gives the value back exactly (B1)."""
    kind = type(value)
    if kind is int:
        return -(2**63) <= value < 2**63  # type: ignore[operator]
    return kind is not tuple and kind is not bytes


def is_scalar(value: Value) -> bool:
    """Whether a value is no container, counter, text or root; unknown codes count as scalars."""
    return type(value) is not tuple or value[0] not in STRUCTURES


def int_form(number: int, field: str = "a number") -> Value:
    """Return the payload form of an int.

    Raises:
        TooBig: It has over 1,024 bytes.
    """
    if LEAST_PLAIN <= number <= GREATEST_PLAIN:
        return number
    size = (number if number >= 0 else number + 1).bit_length() // 8 + 1
    if size > MAX_INT_BYTES:
        raise TooBig.number(field, size)
    return (BIG_INT, number.to_bytes(size, "big", signed=True))


def read_int(form: Value) -> int:
    """Return the int of `int_form`."""
    if type(form) is tuple:
        return int.from_bytes(form[1], "big", signed=True)  # type: ignore[arg-type]
    return form  # type: ignore[return-value]


# ---------------------------------------------------------------- Python to payload


def _same(value: Value, _field: str) -> Value:
    return value


def _put_int(value: int, field: str) -> Value:
    return int_form(int(value), field)


def _put_float(value: float, field: str) -> Value:
    number = float(value)
    if not isfinite(number):
        raise FieldValue.of_field(field, str(number), "a finite number, or None")
    return number


def _put_str(value: str, field: str) -> Value:
    text = str.__str__(value)
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError:
        raise FieldValue.of_field(
            field, "text with half a character (a surrogate)", "valid text"
        ) from None
    if size > MAX_VALUE_BYTES:
        raise TooBig.value(field, size)
    return text


def _put_bytes(value: bytes, field: str) -> Value:
    raw = bytes(value)
    if len(raw) > MAX_VALUE_BYTES:
        raise TooBig.value(field, len(raw))
    return raw


def _put_datetime(moment: datetime, _field: str) -> Value:
    zone = moment.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key and ZONE_NAME.fullmatch(zone.key):
        return (DATETIME, datetime.isoformat(moment), zone.key)
    return (DATETIME, datetime.isoformat(moment))


def _put_date(value: date, _field: str) -> Value:
    return (DATE, date.isoformat(value))


def _put_time(clock: time, field: str) -> Value:
    if clock.tzinfo is not None and clock.utcoffset() is None:
        raise FieldValue.of_field(
            field, "a time whose zone has no offset without a date", "a datetime"
        )
    return (TIME, clock.isoformat())


def _put_timedelta(span: timedelta, _field: str) -> Value:
    return (TIMEDELTA, int_form(span // timedelta(microseconds=1)))


def _put_decimal(number: Decimal, field: str) -> Value:
    if not number.is_finite():
        raise FieldValue.of_field(field, str(number), "a finite Decimal, or None")
    text = Decimal.__str__(number)
    if len(text) > MAX_DECIMAL_LENGTH:
        raise TooBig.number(field, len(text))
    return (DECIMAL, text)


def _put_uuid(value: UUID, _field: str) -> Value:
    return (UUID_CODE, value.bytes)


def _put_ref(ref: RefValue, _field: str) -> Value:
    return (REF, ref.object, ref.space)


def _put_blob(value: BlobValue, _field: str) -> Value:
    return (BLOB, *value)


def _put_unknown(value: UnknownValue, _field: str) -> Value:
    return value.form


_TO: Final[dict[type, Callable[[Any, str], Value]]] = {
    type(None): _same,
    bool: _same,
    int: _put_int,
    float: _put_float,
    str: _put_str,
    bytes: _put_bytes,
    datetime: _put_datetime,
    date: _put_date,
    time: _put_time,
    timedelta: _put_timedelta,
    Decimal: _put_decimal,
    UUID: _put_uuid,
    RefValue: _put_ref,
    BlobValue: _put_blob,
    UnknownValue: _put_unknown,
}


def _nearest(value: object, field: str) -> Callable[[Any, str], Value]:
    """The conversion for a member of an Enum, or for a subclass; a datetime is no plain date."""
    if isinstance(value, Enum):
        return lambda member, name: to_payload(member.value, name)
    for kind in (int, float, str, bytes, datetime, date, time, timedelta, Decimal, UUID):
        if isinstance(value, kind):
            return _TO[kind]
    raise FieldValue.of_field(field, f"a value of type {type(value).__name__}", "a plain value")


# ---------------------------------------------------------------- payload to Python


def _get_datetime(form: Form) -> object:
    moment = datetime.fromisoformat(form[1])
    if len(form) == 2:
        return moment
    try:
        zone = ZoneInfo(form[2])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # This computer does not know the zone: the instant and the offset stay right.
        return moment
    for fold in (0, 1):
        local = moment.replace(tzinfo=zone, fold=fold)
        if local.utcoffset() == moment.utcoffset():
            return local
    try:
        # The zone's rules changed since it was written: the instant counts.
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def _get_timedelta(form: Form) -> object:
    return timedelta(microseconds=read_int(form[1]))


_FROM: Final[dict[Value, Callable[[Form], object]]] = {
    BIG_INT: read_int,
    DATETIME: _get_datetime,
    DATE: lambda form: date.fromisoformat(form[1]),
    TIME: lambda form: time.fromisoformat(form[1]),
    TIMEDELTA: _get_timedelta,
    DECIMAL: lambda form: Decimal(form[1]),
    UUID_CODE: lambda form: UUID(bytes=form[1]),
    REF: lambda form: RefValue(form[1], form[2]),
    BLOB: lambda form: BlobValue(*form[1:]),
}
