"""How is a cell addressed within its object?

A path is a list of segments: a field's name, then map keys, set elements, list item ids, `"v"` and
`"p"` (L1). Its key is the segments' canonical CBOR, joined; the root's key is empty. Keys are
prefix-free, so a cell lies below another one if its key starts with the other's.

Rules:
    W1  Segments are told apart by their canonical CBOR: 1, True and 1.0 are three.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NewType, TypeAlias

from kithspace.core.codec import PAYLOAD, Value, decode, encode
from kithspace.core.ids import ITEM_ID_BYTES

Segment: TypeAlias = Value
"""A scalar in payload form."""

PathKey = NewType("PathKey", bytes)

ROOT_KEY: Final = PathKey(b"")
MAX_DEPTH: Final = 16
MAX_KEY_BYTES: Final = 256

_ITEM_HEAD: Final = bytes((0x40 | ITEM_ID_BYTES,))
_BYTES, _TEXT, _ARRAY = 2, 3, 4
_MAJOR_SHIFT: Final = 5
_SMALL: Final = 24


@lru_cache(maxsize=4096)
def name_key(name: str) -> bytes:
    """Return the key of a segment that is text: a field's name."""
    return encode(name)


@lru_cache(maxsize=4096)
def key_name(key: bytes) -> str:
    """Return the text of a segment from its key; the key must be that of a text."""
    return key[_head_size(key[0]) :].decode()


@lru_cache(maxsize=4096)
def segment_of(key: bytes) -> Segment:
    """Return the segment of which this is the key."""
    return decode(key, MAX_KEY_BYTES, PAYLOAD)


def segment_key(segment: Segment) -> bytes:
    """Return the key of one segment (W1)."""
    if type(segment) is str:
        return name_key(segment)
    if type(segment) is bytes and len(segment) == ITEM_ID_BYTES:
        return _ITEM_HEAD + segment
    return encode(segment)


def path_key(path: Iterable[Segment]) -> PathKey:
    """Return the key of a path."""
    return PathKey(b"".join(map(segment_key, path)))


def split_key(key: bytes) -> list[bytes]:
    """Return the keys of a path's segments, in order."""
    parts = []
    start = 0
    while start < len(key):
        end = _end_of_item(key, start)
        parts.append(key[start:end])
        start = end
    return parts


def item_of(key: bytes) -> bytes | None:
    """Return the list item id whose segment key this is, or None."""
    if len(key) == ITEM_ID_BYTES + 1 and key[0] == _ITEM_HEAD[0]:
        return key[1:]
    return None


def _head_size(first: int) -> int:
    """Bytes of a CBOR item's head."""
    low = first & 31
    return 1 if low < _SMALL else 1 + (1 << (low - _SMALL))


def _end_of_item(key: bytes, start: int) -> int:
    first = key[start]
    end = start + _head_size(first)
    major = first >> _MAJOR_SHIFT
    if major not in (_BYTES, _TEXT, _ARRAY):
        return end
    count = first & 31 if end == start + 1 else int.from_bytes(key[start + 1 : end], "big")
    if major != _ARRAY:
        return end + count
    for _ in range(count):
        end = _end_of_item(key, end)
    return end
