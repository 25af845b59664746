"""Canonical CBOR: one value, one sequence of bytes.

Records (headers, credentials, messages) and payloads (what is encrypted in a block) use the same
encoder; they differ in what a decoder allows. Arrays come back as tuples.

Rules (security.md 2.3, RFC 8949 section 4.2.1):
    Definite lengths, shortest integers, no maps, no tags, no undefined, valid UTF-8.
    Records: no floats, integers within plus or minus 2^53 - 1, depth <= 8, items <= 4,096.
    Payloads: float64 (finite), integers from -2^64 to 2^64 - 1, depth <= 32, items <= 65,536.
    A decoder bounds the bytes, decodes, encodes again and compares, and walks the result.
"""

from itertools import chain
from math import isfinite
from typing import Final, NamedTuple, Never, TypeAlias

import cbor2

from kithspace.errors import CodecError, LimitError

Value: TypeAlias = bool | int | float | bytes | str | tuple["Value", ...] | None
"""What a decoder gives back. Encoding takes lists as well as tuples."""

_TAGS: Final = (
    0,
    1,
    2,
    3,
    4,
    5,
    25,
    28,
    29,
    30,
    35,
    36,
    37,
    52,
    54,
    100,
    256,
    258,
    260,
    261,
    1004,
    43000,
    55799,
)


class _Limits(NamedTuple):
    depth: int
    items: int
    least: int
    greatest: int
    floats: bool


RECORD: Final = _Limits(8, 4_096, -(2**53) + 1, 2**53 - 1, floats=False)
PAYLOAD: Final = _Limits(32, 65_536, -(2**64), 2**64 - 1, floats=True)


def encode(value: object) -> bytes:
    """Return the canonical bytes of `value`; the caller gives only what the rules allow.

    Raises:
        CodecError: The value holds text that is not valid Unicode, or a type CBOR has no form for.
    """
    try:
        return cbor2.dumps(value)
    except (cbor2.CBOREncodeError, UnicodeEncodeError, RecursionError) as error:
        raise CodecError("a value cannot be encoded") from error


def decode(encoded: bytes, max_bytes: int, limits: _Limits = RECORD) -> Value:
    """Read canonical bytes from outside.

    Args:
        encoded: What came, of any length.
        max_bytes: More than this is refused before anything is parsed.
        limits: `RECORD` or `PAYLOAD`.

    Raises:
        LimitError: Too long, too deep, or too many items.
        CodecError: Not canonical, or a type that is not allowed.
    """
    if len(encoded) > max_bytes:
        raise LimitError(f"{len(encoded)} bytes, the limit is {max_bytes}")
    try:
        value = parse(encoded, limits)
        again = cbor2.dumps(value)
    except Exception as error:
        raise CodecError("not canonical CBOR") from error
    if again != encoded:
        raise CodecError("not canonical CBOR")
    _walk(value, limits)
    return value


def parse(encoded: bytes, limits: _Limits = RECORD) -> Value:
    """Parse bytes of a bounded length, for who encodes the result again and compares.

    Raises:
        CodecError: It is no CBOR, or has tags.
    """
    try:
        value: Value = cbor2.loads(
            encoded,
            max_depth=limits.depth + 1,
            allow_indefinite=False,
            immutable=True,
            semantic_decoders=_REFUSE_TAGS,
            tag_hook=_refuse_tag,
        )
    except Exception as error:
        raise CodecError("not canonical CBOR") from error
    return value


def _refuse_tag(*_: object) -> Never:
    raise CodecError("CBOR tags are not allowed")


_REFUSE_TAGS: Final = dict.fromkeys(_TAGS, _refuse_tag)


def _walk(value: object, limits: _Limits) -> None:
    """Refuse every type but those of the rules, level by level (amendment to 2.3)."""
    least, greatest = limits.least, limits.greatest
    level: list[tuple[object, ...]] = [(value,)]
    count = 0
    for _ in range(limits.depth + 1):
        count += sum(map(len, level))
        if count > limits.items:
            raise LimitError(f"more than {limits.items} items")
        below: list[tuple[object, ...]] = []
        for item in chain.from_iterable(level):
            kind = type(item)
            if kind is tuple:
                below.append(item)  # type: ignore[arg-type]  # of this very type
            elif kind is int:
                if not least <= item <= greatest:  # type: ignore[operator]  # an int
                    raise CodecError("an integer is out of range")
            elif kind not in _PLAIN:
                _check_float(item, limits)
        if not any(below):
            return
        level = below
    raise LimitError(f"deeper than {limits.depth}")


def _check_float(item: object, limits: _Limits) -> None:
    if type(item) is not float or not limits.floats or not isfinite(item):
        raise CodecError(f"CBOR type {type(item).__name__} is not allowed here")


_PLAIN: Final = frozenset({bytes, str, bool, type(None)})
