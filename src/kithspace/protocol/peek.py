"""Of which feed, and which number, is a block that just came?

Sync has to know what came of what it asked for, before the gate types and checks the blocks. It
reads the two fields at their fixed places; what does not look like a block is refused here already.

Rules: protocol.md A2 (a block on the wire), security.md section 7 (header, open record).
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from kithspace.core.block import feed_id, kind_of
from kithspace.errors import PeerError
from kithspace.protocol.messages import WireBlock

_HEADER_START: Final = b"\x8a\x01"
_OPENING_START: Final = b"\x89\x01\x00"
_FEED_MARK: Final = b"\x58\x20"
_FEED: Final = slice(5, 37)
_SEQ_AT: Final = 37
_LONGER: Final = {24: 1, 25: 2, 26: 4}
_BYTES_AROUND: Final = 96
"""What a block adds on the wire to its header and payload: signature and lengths."""


class Part(NamedTuple):
    """Consecutive blocks of one feed: `[first, end)`."""

    feed: bytes
    first: int
    end: int


def feed_and_seq(record: bytes) -> tuple[bytes, int]:
    """Return the feed id and number in a header or open record.

    Raises:
        PeerError: E_ENCODING: it is neither.
    """
    if record[:3] == _OPENING_START:
        return feed_id(record), 0
    if record[:2] != _HEADER_START or record[3:5] != _FEED_MARK or len(record) <= _SEQ_AT:
        raise PeerError("E_ENCODING", "a block does not begin as a header")
    first = record[_SEQ_AT]
    if first < min(_LONGER):
        return record[_FEED], first
    size = _LONGER.get(first)
    if size is None or len(record) <= _SEQ_AT + size:
        raise PeerError("E_ENCODING", "a block has no number")
    return record[_FEED], int.from_bytes(record[_SEQ_AT + 1 : _SEQ_AT + 1 + size])


def parts_of(blocks: Iterable[WireBlock]) -> list[Part]:
    """Return the stretches of a message, in order; a feed may have several.

    Raises:
        PeerError: E_ENCODING: something is not a block.
    """
    parts: list[Part] = []
    for record, _, _ in blocks:
        feed, seq = feed_and_seq(record)
        if parts and parts[-1].feed == feed and parts[-1].end == seq:
            parts[-1] = parts[-1]._replace(end=seq + 1)
        else:
            parts.append(Part(feed, seq, seq + 1))
    return parts


def size_of(blocks: Sequence[WireBlock]) -> int:
    """Return at least as many bytes as these blocks take in a message."""
    return sum(
        len(record) + (len(payload) if payload else 0) + _BYTES_AROUND
        for record, payload, _ in blocks
    )


def is_opening(record: bytes) -> bool:
    """Whether it is an open record, which has no place in a stamp order but the first."""
    return kind_of(record) == 0
