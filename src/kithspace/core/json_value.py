"""How do values that JSON lacks stand in JSON?

They are tagged: `{"$datetime": "2026-05-03T12:00:00+02:00"}`. `$value` protects a map whose keys
start with a dollar sign. Section 3 of experience.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from kithspace.core.ids import ObjectId, SpaceId, from_text, to_text
from kithspace.core.value import RefValue
from kithspace.errors import BadQuery, CodecError

_SAFE_INT: Final = 2**53


def from_tagged(value: object) -> object:
    """Return the value that JSON stands for, tags read.

    Raises:
        BadQuery: A tag is unknown, or its text cannot be read.
    """
    if isinstance(value, list):
        return [from_tagged(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((tag, inner),) = value.items()
        if tag == "$value":
            return inner
        if isinstance(tag, str) and tag.startswith("$"):
            return _read(tag, inner)
    return {key: from_tagged(item) for key, item in value.items()}


def to_tagged(value: object) -> object:
    """Return JSON that `from_tagged` reads as the value; ints beyond 2^53 are tagged."""
    tag = _TAGS.get(type(value))
    if tag is not None:
        name, write = tag
        return {name: write(value)}
    match value:
        case bool():
            return value
        case int() if abs(value) > _SAFE_INT:
            return {"$int": str(value)}
        case list():
            return [to_tagged(item) for item in value]
        case set():
            return [to_tagged(item) for item in sorted(value, key=repr)]
        case dict():
            inner = {str(key): to_tagged(item) for key, item in value.items()}
            return {"$value": inner} if any(key.startswith("$") for key in inner) else inner
        case _:
            return value


def _read(tag: str, text: object) -> object:
    read = _READ.get(tag)
    if read is None or not isinstance(text, str):
        raise BadQuery(f"{tag!r} is no tag for a value.", f"There are {', '.join(_READ)}.")
    try:
        return read(text)
    except (ValueError, InvalidOperation, CodecError):
        raise BadQuery(f"{text!r} cannot be read as {tag}.", "Check how it is written.") from None


def _read_ref(text: str) -> RefValue:
    target, _, space = text.partition("@")
    return RefValue(ObjectId(from_text(target)), SpaceId(from_text(space)) if space else None)


def _write_ref(ref: RefValue) -> str:
    return to_text(ref.object) + (f"@{to_text(ref.space)}" if ref.space is not None else "")


_READ: Final[dict[str, Callable[[str], object]]] = {
    "$int": int,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$timedelta": lambda text: timedelta(microseconds=int(text)),
    "$decimal": Decimal,
    "$uuid": UUID,
    "$bytes": bytes.fromhex,
    "$ref": _read_ref,
}

_TAGS: Final[dict[type, tuple[str, Callable[..., str]]]] = {
    datetime: ("$datetime", datetime.isoformat),
    date: ("$date", date.isoformat),
    time: ("$time", time.isoformat),
    timedelta: ("$timedelta", lambda span: str(span // timedelta(microseconds=1))),
    Decimal: ("$decimal", str),
    UUID: ("$uuid", str),
    bytes: ("$bytes", bytes.hex),
    RefValue: ("$ref", _write_ref),
}
