"""How do two nodes exchange messages over a carrier? Noise, frames, heartbeat, farewell.

`Channel` makes messages of what a carrier brings, and the other way round; a carrier keeps the
bounds of its messages. It does no I/O and reads no clock. After each call, call `data_to_send`
until it returns an empty list, and send what it gives in that order; `events_received` tells what
came. When a method raises `PeerError`, or `is_closed` is true and nothing is left to send, close
the carrier.

Rules:
    N1, N2  Noise NN with empty payloads; the end after 24 hours.
    N6      5 s to finish the handshake.
    X8      Credit, given by `grant` and given back by `dealt_with`.
    Ping after 4 s of silence; dead after 10 s. `bye` with a code before closing, never a text.
"""

from typing import Final, NamedTuple

from kithspace.errors import PeerError
from kithspace.protocol import messages, noise
from kithspace.protocol.frames import FrameReader, FrameWriter
from kithspace.protocol.messages import CONTROL, AnyMessage, Bye, Credit, Ping, Pong
from kithspace.protocol.noise import Carrier, Handshake, Side, Transport

HANDSHAKE_MS: Final = 5_000
PING_AFTER_MS: Final = 4_000
DEAD_AFTER_MS: Final = 10_000
FRAMES_AT_ONCE: Final = 4
"""What `data_to_send` gives in one go, so that lower lanes can overtake in between."""


class Opened(NamedTuple):
    """The handshake is over; `handshake_hash` names this connection."""

    handshake_hash: bytes


class Arrived(NamedTuple):
    """A message came. Of lanes 1 and 2 its `size` is to be given back by `dealt_with`."""

    message: AnyMessage
    lane: int
    size: int


class Ended(NamedTuple):
    """The peer said goodbye."""

    code: str


ChannelEvent = Opened | Arrived | Ended


class Channel:
    """One end of a connection.

    Args:
        side: Whether this side dialled.
        carrier: What the carrier is; both must agree (N1).
        seed: 32 random bytes, for this connection alone.
        now_ms: The time.
    """

    def __init__(self, side: Side, carrier: Carrier, seed: bytes, now_ms: int) -> None:
        self._side = side
        self._handshake: Handshake | None = Handshake(side, noise.prologue_of(carrier), seed)
        self._transport: Transport | None = None
        self._reader = FrameReader()
        self._writer = FrameWriter()
        self._raw: list[bytes] = []
        self._events: list[ChannelEvent] = []
        self._owed = dict.fromkeys(messages.LANES, 0)
        self._granted = dict.fromkeys(messages.LANES, 0)
        self._started_ms = now_ms
        self._heard_ms = now_ms
        self._ping_number = 0
        self._is_ping_open = False
        self._unanswered: int | None = None
        self.passed_over: frozenset[int] = frozenset()
        self.is_closed = False
        if side is Side.DIALER:
            self._raw.append(self._handshake.write_first())

    # ------------------------------------------------------------ the five verbs

    def receive_data(self, data: bytes, now_ms: int) -> None:
        """Take in one message of the carrier.

        Raises:
            PeerError: The peer broke a rule; close the carrier.
        """
        if self.is_closed:
            return
        try:
            self._receive(data, now_ms)
        except PeerError:
            self.abandon()
            raise

    def data_to_send(self) -> list[bytes]:
        """Return up to four messages for the carrier; an empty list when there is nothing."""
        out, self._raw = self._raw, []
        if self._transport is None:
            return out
        if self._unanswered is not None:
            self._answer_ping()
        self._give_back()
        while len(out) < FRAMES_AT_ONCE:
            frame = self._writer.next_frame()
            if frame is None:
                break
            out.append(self._transport.seal(frame))
        return out

    def events_received(self) -> list[ChannelEvent]:
        """Return what came since the last call."""
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> int | None:
        """Return when `time_passed` is to be called, in milliseconds."""
        if self.is_closed:
            return None
        if self._transport is None:
            return self._started_ms + HANDSHAKE_MS
        silence = DEAD_AFTER_MS if self._is_ping_open else PING_AFTER_MS
        return min(self._heard_ms + silence, self._started_ms + noise.MAX_AGE_MS)

    def time_passed(self, now_ms: int) -> None:
        """Do what is due.

        Raises:
            PeerError: The peer was silent for too long.
        """
        if self.is_closed:
            return
        if self._transport is None:
            if now_ms >= self._started_ms + HANDSHAKE_MS:
                self._fail("no handshake in time")
        elif now_ms >= self._heard_ms + DEAD_AFTER_MS:
            self._fail("silent")
        elif now_ms >= self._started_ms + noise.MAX_AGE_MS:
            self.close("age")
        elif now_ms >= self._heard_ms + PING_AFTER_MS and not self._is_ping_open:
            self._ping(now_ms)

    # ------------------------------------------------------------ what the session says

    def send(self, message: AnyMessage, lane: int | None = None) -> None:
        """Queue a message; `lane` only where the table leaves a choice."""
        lanes = messages.place_of(message).lanes
        chosen = lanes[0] if lane is None else lane
        if not self.is_closed:
            self._writer.put(chosen, messages.encode(message))

    def room(self, lane: int) -> int:
        """Return how many bytes the peer takes on a lane beyond what is queued (X8)."""
        return self._writer.room(lane)

    def is_drained(self, lane: int) -> bool:
        """Whether nothing waits on a lane."""
        return self._writer.is_empty(lane)

    def grant(self, lane: int, window: int) -> None:
        """Let the peer send up to `window` bytes on a lane; a smaller window changes nothing."""
        more = window - self._granted[lane]
        if more > 0:
            self._granted[lane] = window
            self._give(lane, more)

    def dealt_with(self, lane: int, size: int) -> None:
        """Give credit back: a message's effects are on disk or in the waiting room (X8).

        It goes out with the next thing that is sent; all of it, since a message as long as the
        window must be able to begin.
        """
        if lane != CONTROL:
            self._owed[lane] += size

    def trust(self) -> None:
        """N6: the peer has proved itself; lane 0 is no longer counted."""
        self._reader.trust()

    def close(self, code: str) -> None:
        """Say goodbye; what was queued before goes out first."""
        if not self.is_closed:
            if self._transport is not None:
                self._writer.put(CONTROL, messages.encode(Bye(code)))
            self.is_closed = True

    def abandon(self) -> None:
        """Close without a word."""
        self.is_closed = True
        self._raw = []
        self._writer = FrameWriter()
        self._unanswered = None

    # ------------------------------------------------------------ inside

    def _receive(self, data: bytes, now_ms: int) -> None:
        if self._transport is None:
            self._shake(data)
            self._heard_ms = now_ms
            return
        whole = self._reader.read(self._transport.open(data))
        self._heard_ms = now_ms
        self._is_ping_open = False
        if whole is None:
            return
        message = messages.decode(whole.body, whole.lane, self.passed_over)
        match message:
            case None:
                self.dealt_with(whole.lane, len(whole.body))
            case Credit(lane=lane, count=count):
                self._writer.add_credit(lane, count)
            case Ping(number=number):
                self._unanswered = number
            case Pong():
                pass
            case Bye(code=code):
                self.is_closed = True
                self._events.append(Ended(code))
            case _:
                self._events.append(Arrived(message, whole.lane, len(whole.body)))

    def _shake(self, data: bytes) -> None:
        handshake = self._handshake
        if handshake is None:
            raise PeerError("E_NOISE", "a handshake message too many")
        if self._side is Side.DIALER:
            noise.n2_check_length(data, noise.ANSWER_BYTES)
            handshake.read_second(data)
        else:
            noise.n2_check_length(data, noise.HELLO_BYTES)
            handshake.read_first(data)
            self._raw.append(handshake.write_second(data))
        self._transport = handshake.split()
        self._handshake = None
        self._events.append(Opened(self._transport.handshake_hash))

    def _ping(self, now_ms: int) -> None:
        self._ping_number += 1
        self._is_ping_open = True
        self.send(Ping(self._ping_number, now_ms))

    def _answer_ping(self) -> None:
        """Only the last ping is answered, so that pings never pile up answers."""
        number, self._unanswered = self._unanswered, None
        if number is not None:
            self.send(Pong(number, self._heard_ms))

    def _give_back(self) -> None:
        for lane, owed in self._owed.items():
            if owed and not self.is_closed:
                self._owed[lane] = 0
                self._give(lane, owed)

    def _give(self, lane: int, count: int) -> None:
        self._reader.allow(lane, count)
        self.send(Credit(lane, count))

    def _fail(self, reason: str) -> None:
        self.abandon()
        raise PeerError("E_TIME", reason, score=0)
