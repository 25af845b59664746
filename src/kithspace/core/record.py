"""How is a decoded record taken apart, each field with its type and bound?

`codec.decode` gives tuples, bytes, texts, integers, booleans and None. These functions take one
value each and give it back typed, or raise; so a body is parsed once, at the edge.

Rules (security.md 2.3):
    Fixed records are arrays, position = field; a missing or further field is an encoding error.
    What reads as a map or a set is an array sorted by encoded form, without duplicates.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise

from kithspace.core.codec import Value, encode
from kithspace.errors import CodecError, LimitError


def take_array(value: Value, length: int) -> tuple[Value, ...]:
    """Return an array of exactly `length` items."""
    if type(value) is not tuple or len(value) != length:
        raise CodecError(f"expected an array of {length}")
    return value


def take_list(value: Value, most: int) -> tuple[Value, ...]:
    """Return an array of at most `most` items."""
    if type(value) is not tuple:
        raise CodecError("expected an array")
    if len(value) > most:
        raise LimitError(f"{len(value)} items, the limit is {most}")
    return value


def take_bytes(value: Value, size: int) -> bytes:
    """Return a byte string of exactly `size` bytes."""
    if type(value) is not bytes or len(value) != size:
        raise CodecError(f"expected {size} bytes")
    return value


def take_blob(value: Value, most: int) -> bytes:
    """Return a byte string of at most `most` bytes."""
    if type(value) is not bytes:
        raise CodecError("expected bytes")
    if len(value) > most:
        raise LimitError(f"{len(value)} bytes, the limit is {most}")
    return value


def take_int(value: Value, least: int, greatest: int) -> int:
    """Return an integer within both bounds."""
    if type(value) is not int or not least <= value <= greatest:
        raise CodecError(f"expected an integer from {least} to {greatest}")
    return value


def take_choice(value: Value, choices: Collection[str]) -> str:
    """Return a text that is one of `choices`."""
    if type(value) is not str or value not in choices:
        raise CodecError("a text is not one of those the format knows")
    return value


def take_ids(value: Value, size: int, most: int) -> tuple[bytes, ...]:
    """Return a sorted array of at most `most` different byte strings of `size` bytes."""
    ids = tuple(take_bytes(item, size) for item in take_list(value, most))
    check_ascending(ids)
    return ids


def check_ascending(keys: Sequence[bytes] | Sequence[tuple[bytes, int, bytes]]) -> None:
    """Refuse keys that are not in strictly ascending order.

    Byte strings of one length, and tuples of them with integers, order as their encodings do.
    """
    if not all(left < right for left, right in pairwise(keys)):  # type: ignore[operator]
        raise CodecError("a sorted array is out of order or holds something twice")


def check_sorted(items: Sequence[Value]) -> None:
    """Refuse items that are not strictly ascending by encoded form."""
    check_ascending([encode(item) for item in items])
