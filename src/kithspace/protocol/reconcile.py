"""Which leaves of a set does a peer have that we lack, and which lacks the peer?

One machine for each peer and set (credentials, feeds). It finds the differences; `peer_sync`
fetches what is lacking and pushes news. It does no I/O and reads no clock.

The conversation: both send a digest. Equal roots: done, in one round trip. Else the dialer sends
all its leaves, if they are few, or its 256 bucket digests; then each side sends one series of
`leaves`, and both know what they lack.

Rules:
    X5  The table of states below; any event without a row is `PeerError`. A `digest` in another
        state is kept as the peer's latest and answered when this side has come to rest.
        Both sides judge the same pair of digests, those that were sent: so they agree whether to
        go on, also while both are written to.
        Equal digests of all buckets under unequal roots: all buckets are listed.
        A series has at most `MAX_LEAVES` leaves, ascending over all its parts.
        Equal leaves under unequal roots: they are `doubted`, and fetched whole.
    After a timeout, parts of the series that was given up may still come, and are passed over.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final

from kithspace.errors import PeerError
from kithspace.protocol.leaves import (
    ALL_BUCKETS,
    LEAF_BYTES,
    LeafSet,
    SentLeaf,
    bit_map,
    buckets_of,
    read_leaves,
)
from kithspace.protocol.messages import MAX_LEAVES_BYTES, ROOM, Buckets, Digest, Leaves

STALL_MS: Final = 30_000
IDLE_MS: Final = 600_000
FEW_LEAVES: Final = 64
MAX_LEAVES: Final = 2**20
MAX_STALE_PARTS: Final = 1_024
MAX_DOUBTED: Final = 256


class State(Enum):
    """Where the comparison stands."""

    START = "start"
    SENT = "sent"
    LISTING = "listing"
    FETCHING = "fetching"
    SAME = "same"


class Event(Enum):
    """What may happen to it."""

    READY = "both ready"
    DIGEST = "digest"
    BUCKETS = "buckets"
    PART = "leaves, more to come"
    LAST = "leaves, last part"
    COMPLETE = "nothing lacking, nothing asked"
    STALL = "30 s without progress"
    IDLE = "10 min"


_S, _E = State, Event
TRANSITIONS: Final[Mapping[State, Mapping[Event, frozenset[State]]]] = {
    _S.START: {
        _E.READY: frozenset({_S.SENT, _S.SAME, _S.LISTING}),
        _E.DIGEST: frozenset({_S.START}),
    },
    _S.SENT: {_E.DIGEST: frozenset({_S.SAME, _S.LISTING})},
    _S.LISTING: {
        _E.DIGEST: frozenset({_S.LISTING}),
        _E.BUCKETS: frozenset({_S.LISTING}),
        _E.PART: frozenset({_S.LISTING}),
        _E.LAST: frozenset({_S.FETCHING}),
        _E.STALL: frozenset({_S.SENT, _S.SAME, _S.LISTING}),
    },
    _S.FETCHING: {
        _E.DIGEST: frozenset({_S.FETCHING}),
        _E.COMPLETE: frozenset({_S.SAME, _S.SENT, _S.LISTING}),
        _E.STALL: frozenset({_S.SENT, _S.SAME, _S.LISTING}),
    },
    _S.SAME: {
        _E.DIGEST: frozenset({_S.SAME, _S.LISTING}),
        _E.IDLE: frozenset({_S.SENT}),
    },
}
"""State, event: where it may lead. A kept digest is judged at once when the machine gets to it."""


class Reconciler:
    """Compares one set with one peer.

    Args:
        ch: The space's channel on this connection.
        ours: The set of this node; shared by all peers, changed by their owner.
        is_dialer: Whether this side dialled.
    """

    def __init__(self, ch: int, ours: LeafSet, *, is_dialer: bool) -> None:
        self._ch = ch
        self._ours = ours
        self._is_dialer = is_dialer
        self.state = State.START
        self.has_compared = False
        """Whether it has come to rest at least once."""
        self.doubted: tuple[SentLeaf, ...] = ()
        """Leaves that look equal although the sets do not: to be fetched whole, once."""
        self._sent: Digest | None = None
        self._kept: Digest | None = None
        self._control: list[Digest | Buckets] = []
        self._series: _OwnSeries | None = None
        self._has_listed = False
        self._theirs: _TheirSeries | None = None
        self._since = 0
        self._stale_parts = 0
        self._on_digest: Callable[[], None] = _nothing

    def when_digest_sent(self, call: Callable[[], None]) -> None:
        """Call each time a digest is made: it covers all news until then."""
        self._on_digest = call

    # ---------------------------------------------------------------- inputs

    def ready(self, now_ms: int) -> None:
        """Both sides are ready: begin."""
        self._step(Event.READY)
        self._begin(now_ms)

    def receive(self, message: Digest | Buckets | Leaves, now_ms: int) -> list[SentLeaf]:
        """Take a message of the peer; return the leaves of it that are not here just so.

        Raises:
            PeerError: The message has no place in this state, or breaks a limit.
        """
        self._since = now_ms
        if isinstance(message, Digest):
            self._digest_received(message, now_ms)
            return []
        if self._is_stale(message):
            self._stale_parts -= 1
            return []
        if isinstance(message, Buckets):
            self._buckets_received(message)
            return []
        return self._leaves_received(message)

    def progress(self, now_ms: int) -> None:
        """Something came that was lacking."""
        if self.state is not State.SAME:
            self._since = max(self._since, now_ms)

    def complete(self, now_ms: int, *, is_cut_short: bool) -> None:
        """Nothing is lacking and nothing asked for; cut short: more was listed than was kept."""
        self._step(Event.COMPLETE)
        if is_cut_short:
            self._begin(now_ms)
        else:
            self._rest(now_ms)

    # ---------------------------------------------------------------- time

    def next_deadline(self) -> int | None:
        """When `time_passed` is to be called, at the latest."""
        if self.state in {State.LISTING, State.FETCHING}:
            return self._since + STALL_MS
        if self.state is State.SAME:
            return self._since + IDLE_MS
        return None

    def time_passed(self, now_ms: int) -> None:
        """Start again after 30 s without progress; compare anew after 10 min of rest."""
        deadline = self.next_deadline()
        if deadline is None or now_ms < deadline:
            return
        if self.state is State.SAME:
            self._step(Event.IDLE)
        else:
            self._step(Event.STALL)
            self._stale_parts = MAX_STALE_PARTS
        self._begin(now_ms)

    # ---------------------------------------------------------------- output

    def control_to_send(self) -> list[Digest | Buckets]:
        """Messages for lane 0."""
        out, self._control = self._control, []
        return out

    def leaves_to_send(self, room_bytes: int) -> Leaves | None:
        """The next part of our series, for lane 2, if there is one and room for it (X8)."""
        if self._series is None:
            return None
        part = self._series.next_part(self._ch, self._ours.what, room_bytes)
        if part is not None and not part.more:
            self._series = None
        return part

    # ---------------------------------------------------------------- steps

    def _step(self, event: Event) -> None:
        if event not in TRANSITIONS[self.state]:
            side = "dialer" if self._is_dialer else "listener"
            raise PeerError(
                "E_STATE", f"{side} in state {self.state.name} cannot take {event.value}"
            )

    def _begin(self, now_ms: int) -> None:
        """Start: send the digest; a kept one of the peer is judged at once."""
        self._since = now_ms
        self._series = self._theirs = None
        self._send_digest()
        self.state = State.SENT
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._judge(kept, now_ms)

    def _rest(self, now_ms: int) -> None:
        self.state = State.SAME
        self.has_compared = True
        self._since = now_ms
        self._theirs = None
        if self._kept is not None:
            kept, self._kept = self._kept, None
            self._send_digest()
            self._judge(kept, now_ms)

    def _send_digest(self) -> None:
        self._sent = Digest(self._ch, self._ours.what, len(self._ours), self._ours.root())
        self._control.append(self._sent)
        self._on_digest()

    def _digest_received(self, digest: Digest, now_ms: int) -> None:
        self._step(Event.DIGEST)
        if self.state is State.SAME:
            self._send_digest()
            self._judge(digest, now_ms)
        elif self.state is State.SENT:
            self._judge(digest, now_ms)
        else:
            if self.state is not State.START:
                self._stale_parts = MAX_STALE_PARTS
            self._kept = digest

    def _judge(self, theirs: Digest, now_ms: int) -> None:
        """Sent: the same pair of roots is judged on both sides."""
        if self._sent is not None and theirs.root == self._sent.root:
            self._rest(now_ms)
            return
        self.state = State.LISTING
        self._since = now_ms
        self._theirs = self._series = None
        self._has_listed = False
        if not self._is_dialer:
            return
        if len(self._ours) <= FEW_LEAVES:
            self._list(ALL_BUCKETS, self._ours.sent_leaves(ALL_BUCKETS))
        else:
            digests = self._ours.short_digests()
            self._control.append(Buckets(self._ch, self._ours.what, digests))

    def _list(self, buckets: frozenset[int], leaves: list[bytes]) -> None:
        self._has_listed = True
        self._series = _OwnSeries(bit_map(buckets), leaves)

    def _is_stale(self, message: Buckets | Leaves) -> bool:
        """Whether it belongs to a comparison that was given up after a timeout."""
        if self._stale_parts == 0:
            return False
        if self.state is not State.LISTING:
            return True
        return isinstance(message, Buckets) and (self._is_dialer or self._has_listed)

    def _buckets_received(self, message: Buckets) -> None:
        self._step(Event.BUCKETS)
        if self._is_dialer or self._has_listed:
            raise PeerError("E_STATE", "buckets come once, from the dialer")
        differing = self._ours.differing(message.digests) or ALL_BUCKETS
        self._list(differing, self._ours.sent_leaves(differing))

    def _leaves_received(self, message: Leaves) -> list[SentLeaf]:
        self._step(Event.PART if message.more else Event.LAST)
        if self._theirs is None or (
            self._stale_parts and self._theirs.buckets_sent != message.buckets
        ):
            self._theirs = _TheirSeries(message.buckets, self._ours, is_paired=self._has_listed)
        found = self._theirs.receive(message)
        if not message.more:
            self._end_listing(self._theirs)
        return found

    def _end_listing(self, theirs: "_TheirSeries") -> None:
        if not self._has_listed:
            unlisted = theirs.unlisted()
            if not unlisted and not theirs.has_found and self._is_as_sent():
                self.doubted = tuple(theirs.first)
            self._list(theirs.buckets, unlisted)
        self.state = State.FETCHING
        self._theirs = None

    def _is_as_sent(self) -> bool:
        return self._sent is not None and self._sent.root == self._ours.root()


class _OwnSeries:
    """Our leaves on their way: a position, and messages only when there is room (X8)."""

    __slots__ = ("_at", "_buckets", "_leaves")

    def __init__(self, buckets: bytes, leaves: list[bytes]) -> None:
        self._buckets = buckets
        self._leaves = leaves
        self._at = 0

    def next_part(self, ch: int, what: int, room_bytes: int) -> Leaves | None:
        size = len(self._leaves[0]) if self._leaves else 1
        left = len(self._leaves) - self._at
        count = min(MAX_LEAVES_BYTES // size, left)
        if count * size + ROOM > room_bytes:
            return None
        joined = b"".join(self._leaves[self._at : self._at + count])
        self._at += count
        return Leaves(ch, what, self._buckets, joined, self._at < len(self._leaves))


class _TheirSeries:
    """The peer's leaves as they come: what they lack of ours remains in `_rest`."""

    __slots__ = (
        "_count",
        "_last",
        "_ours",
        "_rest",
        "buckets",
        "buckets_sent",
        "first",
        "has_found",
    )

    def __init__(self, buckets: bytes, ours: LeafSet, *, is_paired: bool) -> None:
        self.buckets_sent = buckets
        self.buckets = buckets_of(buckets)
        self._ours = ours
        self._rest = set() if is_paired else set(ours.sent_leaves(self.buckets))
        self._last = b""
        self._count = 0
        self.first: list[SentLeaf] = []
        self.has_found = False

    def receive(self, message: Leaves) -> list[SentLeaf]:
        """Take a part; return what of it is not here just so."""
        size = LEAF_BYTES[self._ours.what]
        leaves = read_leaves(self._ours.what, message.leaves)
        if message.buckets != self.buckets_sent:
            raise PeerError("E_STATE", "a series of leaves changes its buckets")
        if message.leaves:
            if message.leaves[:size] <= self._last:
                raise PeerError("E_ENCODING", "leaves are not in ascending order")
            self._last = message.leaves[-size:]
        elif message.more:
            raise PeerError("E_LIMIT", "a part of a series is empty")
        self._count += len(leaves)
        if self._count > MAX_LEAVES:
            raise PeerError("E_LIMIT", f"more than {MAX_LEAVES} leaves")
        if not self.buckets.issuperset({leaf.key[0] for leaf in leaves}):
            raise PeerError("E_STATE", "a leaf is not of the buckets that are listed")
        if self._rest:
            self._rest.difference_update(
                message.leaves[at : at + size] for at in range(0, len(message.leaves), size)
            )
        found = [leaf for leaf in leaves if not self._ours.has(leaf)]
        self.has_found = self.has_found or bool(found)
        self.first.extend(leaves[: MAX_DOUBTED - len(self.first)])
        return found

    def unlisted(self) -> list[bytes]:
        """Our leaves of these buckets that the peer does not have just so."""
        return sorted(self._rest)


def _nothing() -> None:
    """Until somebody wants to know."""
