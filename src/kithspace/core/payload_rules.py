"""Which rules does a payload keep, beside its grammar?

Rules (V14: what breaks one of them is `PayloadError`):
    W2   One write per cell and block, also where a container's value unfolds.
    A8   Own objects have the own types, and shared objects the others; a profile's salt is zeros.
    2.4  A key has at most 256 bytes.
    Maps and sets are sorted by the canonical CBOR of their keys, each once.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

from kithspace.core.codec import Value
from kithspace.core.container import unfold
from kithspace.core.grammar import check_scalar
from kithspace.core.object_id import PROFILE_SALT
from kithspace.core.path import MAX_KEY_BYTES, segment_key
from kithspace.core.value import LIST, MAP, ROOT, SET, is_scalar
from kithspace.core.write import OWN, OWN_TYPES, PROFILE_TYPE, Write, cell_of
from kithspace.errors import PayloadError

_CONTAINERS: Final = frozenset({MAP, SET, LIST, ROOT})


def w2_one_write_per_cell(writes: tuple[Write, ...]) -> None:
    """W2: no cell is written twice, not even by the value of a container that holds it.

    Raises:
        PayloadError: One is.
    """
    if len(writes) == 1:
        return
    cells = {(write.key, cell_of(write.value)) for write in writes}
    require(len(cells) == len(writes), "one write per cell")
    for write in writes:
        for cell in _unfolded(write.key, write.value):
            require(cell not in cells, "one write per cell")


def _unfolded(key: bytes, value: Value) -> Iterator[tuple[bytes, int]]:
    if type(value) is tuple and value[0] in _CONTAINERS:
        for segment, child in unfold(value):
            yield key + segment, cell_of(child)
            yield from _unfolded(key + segment, child)


def a8_types(what: int, salt: bytes, writes: tuple[Write, ...]) -> None:
    """A8: an own object's root has an own type, a shared one's another."""
    for write in writes:
        value = write.value
        if write.key or type(value) is not tuple or value[0] != ROOT:
            continue
        require((value[1] in OWN_TYPES) == (what == OWN), "an own object's type")
        if what == OWN:
            require((value[1] == PROFILE_TYPE) == (salt == PROFILE_SALT), "a profile's salt")


def sorted_segments(segments: Sequence[Value]) -> None:
    """Refuse the keys of a map, or the elements of a set, that are not sorted, or stand twice."""
    last = b""
    for segment in segments:
        key = check_segment(segment)
        require(key > last, "a container's keys are sorted, each once")
        last = key


def check_segment(segment: Value) -> bytes:
    """Return the key of a segment; it is a plain value, and not too long (2.4)."""
    check_scalar(segment)
    require(is_scalar(segment), "a key is a plain value")
    key = segment_key(segment)
    require(len(key) <= MAX_KEY_BYTES, "a key's length")
    return key


def require(condition: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Refuse the payload unless something holds; `what` names it."""
    if not condition:
        raise PayloadError(what)


def refuse(what: str) -> NoReturn:
    """Refuse the payload; `what` names the part that is wrong."""
    raise PayloadError(what)
