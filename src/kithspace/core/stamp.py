"""Hybrid logical clock: the stamp that orders every write.

A stamp is `(time, feed, branch)`. `time` packs milliseconds since 1970 (UTC) in its upper 47 bits
and a counter in its lower 16, so it fits in a signed 64-bit column. Stamps compare as these
triples, on every node.

Rules:
    H1   A feed never issues a stamp twice: not after a restart, not when its clock jumps back.
    H2   A stamp issued after another one was seen is greater than it.
    W13  Of equal times the greater feed id wins, then the greater branch id; never a local number.
    V8   Milliseconds stay below 2^47.
    A7   A zero write has time 0: it loses against every other write.

This module reads no clock; whoever calls it says what time it is.

Source: Kulkarni et al., "Logical Physical Clocks" (2014), the HLC algorithm, with both parts
packed in one integer, so that a full counter carries into the next millisecond.
"""

from typing import Final, NamedTuple

from kithspace.errors import StampError

COUNTER_BITS: Final = 16
MAX_MS: Final = 2**47


class Stamp(NamedTuple):
    """When, and in which feed, a block was written. Fields are in comparison order.

    `branch` is empty, or the branch id of a forked feed (V12).
    """

    time: int
    feed: bytes
    branch: bytes = b""

    @property
    def milliseconds(self) -> int:
        """Wall-clock part, in milliseconds since 1970 (UTC)."""
        return self.time >> COUNTER_BITS

    @property
    def counter(self) -> int:
        """The part that orders stamps of one millisecond."""
        return self.time & ((1 << COUNTER_BITS) - 1)


ZERO: Final = Stamp(0, b"")
"""The stamp of what was never written: declared containers, and cells without a write."""


def pack_time(milliseconds: int, counter: int) -> int:
    """Return the `time` of a stamp.

    Raises:
        StampError: A part is outside its range (V8).
    """
    if not 0 <= milliseconds < MAX_MS:
        raise StampError(f"{milliseconds} ms is outside 0 to 2^47")
    if not 0 <= counter < 1 << COUNTER_BITS:
        raise StampError(f"stamp counter {counter} does not fit in {COUNTER_BITS} bits")
    return milliseconds << COUNTER_BITS | counter


def tick(last: int, now_ms: int) -> int:
    """Return the next `time`, greater than `last`, the greatest issued or seen so far (H1, H2)."""
    return max(last + 1, now_ms << COUNTER_BITS)
