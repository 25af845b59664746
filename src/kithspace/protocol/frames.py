"""How do messages share one connection? Frames, lanes, credit.

A frame is one byte (lane in bits 0 and 1, bit 2 = last frame of its message) and up to 65,518 bytes
of a message. Messages of one lane do not mix; lanes interleave by frame, the lower lane first.

Rules:
    protocol.md section 5, Frames.
    X8  Credit counts message bytes of lanes 1 and 2. A sender without credit sends nothing of that
        lane; a peer that sends beyond it is closed.
    N6  Before a peer is trusted, what it sends on lane 0 is counted, up to 16 KiB.
"""

from collections import deque
from typing import Final, NamedTuple

from kithspace.errors import PeerError
from kithspace.protocol.messages import CONTROL, LANES, max_bytes_of
from kithspace.protocol.noise import MAX_PLAINTEXT_BYTES

LANE_BITS: Final = 0b011
LAST_BIT: Final = 0b100
FRAME_BYTES: Final = MAX_PLAINTEXT_BYTES - 1
"""How much of a message one frame takes."""
UNTRUSTED_BYTES: Final = 16 * 1024
MAX_QUEUED_CONTROL_BYTES: Final = 1024 * 1024
"""A peer that asks and never reads is closed when so much waits for it."""


class Whole(NamedTuple):
    """A message that is complete, not yet decoded."""

    lane: int
    body: bytes


class FrameReader:
    """Puts messages together; bounded before, during and after."""

    __slots__ = ("_allowed", "_parts", "_sizes", "_untrusted")

    def __init__(self) -> None:
        self._parts: dict[int, list[bytes]] = {lane: [] for lane in LANES}
        self._sizes = dict.fromkeys(LANES, 0)
        self._allowed = dict.fromkeys(LANES, 0)
        self._untrusted: int | None = UNTRUSTED_BYTES

    def trust(self) -> None:
        """Stop counting lane 0 (N6): the peer has proved something."""
        self._untrusted = None

    def allow(self, lane: int, count: int) -> None:
        """Take note that the peer was given credit (X8)."""
        self._allowed[lane] += count

    def read(self, frame: bytes) -> Whole | None:
        """Take in one frame; return the message that it ends, if it ends one.

        Raises:
            PeerError: No frame of ours, or beyond a bound.
        """
        if (
            len(frame) < 2
            or frame[0] & ~(LANE_BITS | LAST_BIT)
            or frame[0] & LANE_BITS not in LANES
        ):
            raise PeerError("E_FRAME", "not a frame")
        lane, count = frame[0] & LANE_BITS, len(frame) - 1
        self._account(lane, count)
        size = self._sizes[lane] + count
        if size > max_bytes_of(lane):
            raise PeerError("E_LIMIT", f"a message of more than {max_bytes_of(lane)} bytes")
        self._parts[lane].append(frame[1:])
        self._sizes[lane] = size
        if not frame[0] & LAST_BIT:
            return None
        body = b"".join(self._parts[lane])
        self._parts[lane], self._sizes[lane] = [], 0
        return Whole(lane, body)

    def _account(self, lane: int, count: int) -> None:
        if lane == CONTROL:
            if self._untrusted is None:
                return
            self._untrusted -= count
            if self._untrusted < 0:
                raise PeerError("E_LIMIT", "too much before a proof (N6)")
            return
        self._allowed[lane] -= count
        if self._allowed[lane] < 0:
            raise PeerError("E_CREDIT", f"sent beyond the credit of lane {lane} (X8)")


class FrameWriter:
    """Takes messages apart, lane by lane, as far as the peer's credit goes."""

    __slots__ = ("_credit", "_offsets", "_queued", "_queues")

    def __init__(self) -> None:
        self._queues: dict[int, deque[bytes]] = {lane: deque() for lane in LANES}
        self._queued = dict.fromkeys(LANES, 0)
        self._offsets = dict.fromkeys(LANES, 0)
        self._credit = dict.fromkeys(LANES, 0)

    def add_credit(self, lane: int, count: int) -> None:
        """The peer takes so many more bytes (X8)."""
        self._credit[lane] = min(self._credit[lane] + count, 2**40)

    def room(self, lane: int) -> int:
        """Return how many more bytes the peer's credit covers, beside what waits here."""
        return self._credit[lane] - self._queued[lane]

    def is_empty(self, lane: int) -> bool:
        """Whether nothing waits on a lane."""
        return not self._queues[lane]

    def put(self, lane: int, body: bytes) -> None:
        """Queue a message.

        Raises:
            PeerError: The peer reads nothing, and lane 0 is full.
        """
        self._queues[lane].append(body)
        self._queued[lane] += len(body)
        if lane == CONTROL and self._queued[lane] > MAX_QUEUED_CONTROL_BYTES:
            raise PeerError("E_SLOW", "the peer does not read", score=0)

    def next_frame(self) -> bytes | None:
        """Return the next frame: of the lowest lane that has a message and credit for it."""
        for lane in LANES:
            if self._queues[lane] and self._may_go_on(lane):
                return self._cut(lane)
        return None

    def _may_go_on(self, lane: int) -> bool:
        """A message begins only when credit covers the whole of it."""
        started = self._offsets[lane] > 0
        return lane == CONTROL or started or self._credit[lane] >= len(self._queues[lane][0])

    def _cut(self, lane: int) -> bytes:
        body, offset = self._queues[lane][0], self._offsets[lane]
        if lane != CONTROL and not offset:
            self._credit[lane] -= len(body)
            self._queued[lane] -= len(body)
        end = offset + FRAME_BYTES
        if end < len(body):
            self._offsets[lane] = end
            return bytes([lane]) + body[offset:end]
        self._queues[lane].popleft()
        self._offsets[lane] = 0
        if lane == CONTROL:
            self._queued[lane] -= len(body)
        return bytes([lane | LAST_BIT]) + body[offset:]
