"""Which peer is asked for which blocks?

One `Fetch` for each space. Peers offer feeds that are longer than here; each feed is asked of one
peer at a time, all peers work side by side. What came is known by its number; whether it was good
is known to the gate, which says so by `grew` or `refused`.

Rules (protocol.md X6, data.md F4):
    Ranges of at most 256 blocks, at most `WINDOW` of them for a feed and 1,024 at a peer; and at a
    peer at most `OPEN_BLOCKS` blocks, so that others get their share.
    What is not answered for 20 s while the peer delivers nothing, or for 120 s whatever else it
    delivers, is asked of another; the silent one is not asked for that feed again, until it offers
    it anew. Its open ranges count on: the answer may still come.
    What was handed to the gate is not asked for again before `forget_handed`: it may be waiting.
    An offer beyond `MAX_OFFERS` is dropped, and the comparison begins again when the others came.
"""

from collections import deque
from typing import Final, NamedTuple

from kithspace.core.ids import FeedId
from kithspace.protocol.answer import MAX_OPEN, MAX_RANGE
from kithspace.protocol.leaves import LeafSet
from kithspace.protocol.messages import Range
from kithspace.protocol.peek import Part

ASK_AGAIN_MS: Final = 20_000
GIVE_UP_MS: Final = 120_000
LOOK_MS: Final = 1_000
WINDOW: Final = 8
OPEN_BLOCKS: Final = 4_096
MAX_OFFERS: Final = 65_536


class _Ask:
    """Ranges of one feed that are open at one peer: from `at` to the last of `ends`."""

    __slots__ = ("at", "ends", "heard_ms", "peer", "since_ms")

    def __init__(self, peer: bytes, at: int, ends: list[int], now_ms: int) -> None:
        self.peer = peer
        self.at = at
        self.ends = deque(ends)
        self.since_ms = now_ms
        self.heard_ms = now_ms


class Spot(NamedTuple):
    """A stretch of blocks that is asked for by itself: a dep, or the end of another history."""

    feed: FeedId
    first: int
    end: int


class _Peer:
    """What one peer offers, and what of it was asked.

    `lacking` are the offers of which not all has come from somebody; `todo` those that nobody is
    asked for yet. An offer outlives both until it is here: what came may turn out to be bad.
    """

    __slots__ = (
        "blocks",
        "heard_ms",
        "is_allowed",
        "is_cut_short",
        "lacking",
        "late",
        "offers",
        "open",
        "spots",
        "todo",
    )

    def __init__(self) -> None:
        self.offers: dict[bytes, int] = {}
        self.lacking: set[bytes] = set()
        self.todo: dict[bytes, None] = {}
        self.spots: deque[Spot] = deque()
        self.late: dict[bytes, list[int]] = {}
        self.open = 0
        self.blocks = 0
        self.heard_ms = 0
        self.is_allowed = False
        self.is_cut_short = False


class Fetch:
    """Asks peers for the blocks of one space.

    Args:
        ours: What this node announces; changed by its owner.
    """

    def __init__(self, ours: LeafSet) -> None:
        self._ours = ours
        self._peers: dict[bytes, _Peer] = {}
        self._asked: dict[bytes, _Ask] = {}
        self._spots: dict[Spot, _Ask] = {}
        self._handed: dict[bytes, int] = {}
        self._looked_ms = 0

    # ---------------------------------------------------------------- peers

    def join(self, peer: bytes) -> None:
        """A peer is there; it is not asked before `allow`."""
        self._peers[peer] = _Peer()

    def leave(self, peer: bytes) -> None:
        """A peer is gone: what it was asked for is asked of others."""
        self._peers.pop(peer, None)
        for feed in [feed for feed, ask in self._asked.items() if ask.peer == peer]:
            del self._asked[feed]
            self._offer_again(feed)
        for spot in [spot for spot, ask in self._spots.items() if ask.peer == peer]:
            del self._spots[spot]
            self._move_spot(spot)
        if not self._peers:
            self._handed.clear()

    def allow(self, peer: bytes) -> None:
        """The credentials are compared: blocks of this peer can be judged."""
        self._peers[peer].is_allowed = True

    def offer(self, peer: bytes, feed: bytes, length: int) -> None:
        """A peer has a feed up to this length."""
        of = self._peers[peer]
        if length <= self._reached(feed) or of.offers.get(feed, 0) >= length:
            return
        if feed not in of.offers and len(of.offers) >= MAX_OFFERS:
            of.is_cut_short = True
            return
        of.offers[feed] = length
        of.lacking.add(feed)
        of.todo[feed] = None

    def offer_spot(self, peer: bytes | None, spot: Spot) -> None:
        """Ask for this stretch as well; of this peer, or of whoever has most of it."""
        if spot in self._spots or any(spot in of.spots for of in self._peers.values()):
            return
        chosen = self._peers.get(peer) if peer is not None else None
        if chosen is None:
            chosen = self._longest(spot.feed)
        if chosen is not None and len(chosen.spots) < MAX_OPEN:
            chosen.spots.append(spot)

    def _longest(self, feed: bytes) -> _Peer | None:
        allowed = [of for of in self._peers.values() if of.is_allowed]
        return max(allowed, key=lambda of: (of.offers.get(feed, 0), -of.open), default=None)

    # ---------------------------------------------------------------- what came

    def came(self, peer: bytes, parts: list[Part], now_ms: int) -> None:
        """Blocks came and are about to be handed to the gate."""
        of = self._peers[peer]
        of.heard_ms = now_ms
        for feed, first, end in parts:
            if first <= self._reached(feed) < end:
                self._handed[feed] = end
            self._answer(of, peer, feed, first, end, now_ms)
            self._settle(feed)
        for spot in [spot for spot, ask in self._spots.items() if ask.peer == peer]:
            if any(part.feed == spot.feed and part.end >= spot.end for part in parts):
                self._close_spot(spot)

    def _answer(
        self, of: _Peer, peer: bytes, feed: bytes, first: int, end: int, now_ms: int
    ) -> None:
        ask = self._asked.get(feed)
        if ask is not None and ask.peer == peer:
            if first <= ask.at < end:
                of.blocks -= min(end, ask.ends[-1]) - ask.at
                ask.at = min(end, ask.ends[-1])
            ask.heard_ms = ask.since_ms = now_ms
            while ask.ends and ask.ends[0] <= ask.at:
                ask.ends.popleft()
                of.open -= 1
            if not ask.ends:
                del self._asked[feed]
                self._offer_again(feed)
        if feed in of.late:
            left = [late for late in of.late[feed] if late > end]
            of.open -= len(of.late[feed]) - len(left)
            if left:
                of.late[feed] = left
            else:
                del of.late[feed]

    def grew(self, feed: bytes) -> set[bytes]:
        """The announced length of a feed has changed; return the peers that offered it."""
        offered = {peer for peer, of in self._peers.items() if feed in of.offers}
        if self._handed.get(feed, -1) <= self._ours.length(feed):
            self._handed.pop(feed, None)
        self._settle(feed)
        return offered

    def refused(self, peer: bytes, feed: bytes) -> None:
        """The gate did not take what this peer sent of a feed: it is asked of others."""
        self._handed.pop(feed, None)
        if peer in self._peers:
            self._drop_offer(self._peers[peer], feed)
        ask = self._asked.get(feed)
        if ask is None or ask.peer == peer:
            self._give_up(feed)

    def ask_again(self, spot: Spot) -> None:
        """The gate lacks this stretch, whatever came before."""
        if self._handed.get(spot.feed, 0) > spot.first:
            del self._handed[spot.feed]
            self._offer_again(spot.feed)

    def forget_handed(self) -> None:
        """What was handed over long ago and is still not here is asked for again."""
        self._handed.clear()

    # ---------------------------------------------------------------- what to ask

    def to_ask(self, peer: bytes, now_ms: int) -> list[Range]:
        """Ranges to ask of this peer now."""
        of = self._peers[peer]
        ranges: list[Range] = []
        if not of.is_allowed:
            return ranges
        while of.spots and of.open < MAX_OPEN:
            spot = of.spots.popleft()
            self._spots[spot] = _Ask(peer, spot.first, [spot.end], now_ms)
            of.open += 1
            ranges.append((spot.feed, spot.first, spot.end))
        while of.todo and of.open < MAX_OPEN and of.blocks < OPEN_BLOCKS:
            feed = next(iter(of.todo))
            del of.todo[feed]
            if feed not in self._asked:
                ranges += self._ask(of, peer, feed, now_ms)
        return ranges

    def _ask(self, of: _Peer, peer: bytes, feed: bytes, now_ms: int) -> list[Range]:
        first = self._reached(feed)
        length = of.offers.get(feed, 0)
        last = min(length, first + WINDOW * MAX_RANGE, first + (MAX_OPEN - of.open) * MAX_RANGE)
        ends = [min(at + MAX_RANGE, last) for at in range(first, last, MAX_RANGE)]
        if not ends:
            return []
        self._asked[feed] = _Ask(peer, first, ends, now_ms)
        of.open += len(ends)
        of.blocks += last - first
        return [(FeedId(feed), at, end) for at, end in zip([first, *ends[:-1]], ends, strict=True)]

    def is_idle(self, peer: bytes) -> bool:
        """Nothing that this peer offers is lacking, and it is asked for nothing."""
        of = self._peers[peer]
        return (
            not of.lacking
            and not of.spots
            and not any(ask.peer == peer for ask in self._spots.values())
        )

    def take_cut_short(self, peer: bytes) -> bool:
        """Whether offers of this peer were dropped; asking forgets it."""
        of = self._peers[peer]
        was, of.is_cut_short = of.is_cut_short, False
        return was

    # ---------------------------------------------------------------- time

    def next_deadline(self) -> int | None:
        """When to look at what was asked: every second, while something is."""
        return self._looked_ms + LOOK_MS if self._asked or self._spots else None

    def time_passed(self, now_ms: int) -> None:
        """Ask others for what was not answered."""
        if now_ms < self._looked_ms + LOOK_MS:
            return
        self._looked_ms = now_ms
        for feed in [f for f, ask in self._asked.items() if self._deadline(ask) <= now_ms]:
            self._drop_offer(self._peers[self._asked[feed].peer], feed)
            self._give_up(feed)
            self._settle(feed)
        for spot in [s for s, ask in self._spots.items() if self._deadline(ask) <= now_ms]:
            self._close_spot(spot)

    def _deadline(self, ask: _Ask) -> int:
        heard = max(ask.heard_ms, self._peers[ask.peer].heard_ms)
        return min(heard + ASK_AGAIN_MS, ask.since_ms + GIVE_UP_MS)

    # ---------------------------------------------------------------- inside

    def _reached(self, feed: bytes) -> int:
        return max(self._ours.length(feed), self._handed.get(feed, 0))

    def _settle(self, feed: bytes) -> None:
        """Forget what is no longer lacking, and asks that nobody needs."""
        length = self._ours.length(feed)
        reached = self._reached(feed)
        for of in self._peers.values():
            offered = of.offers.get(feed, 0)
            if 0 < offered <= length:
                self._drop_offer(of, feed)
            elif offered <= reached:
                of.lacking.discard(feed)
                of.todo.pop(feed, None)
        ask = self._asked.get(feed)
        if ask is not None and ask.ends[-1] <= reached:
            self._give_up(feed)

    @staticmethod
    def _drop_offer(of: _Peer, feed: bytes) -> None:
        of.offers.pop(feed, None)
        of.lacking.discard(feed)
        of.todo.pop(feed, None)

    def _give_up(self, feed: bytes) -> None:
        ask = self._asked.pop(feed, None)
        if ask is not None:
            of = self._peers[ask.peer]
            of.late.setdefault(feed, []).extend(ask.ends)
            of.blocks -= ask.ends[-1] - ask.at
        self._offer_again(feed)

    def _offer_again(self, feed: bytes) -> None:
        reached = self._reached(feed)
        for of in self._peers.values():
            if of.offers.get(feed, 0) > reached:
                of.lacking.add(feed)
                of.todo[feed] = None

    def _close_spot(self, spot: Spot) -> None:
        ask = self._spots.pop(spot)
        self._peers[ask.peer].open -= 1

    def _move_spot(self, spot: Spot) -> None:
        if chosen := self._longest(spot.feed):
            chosen.spots.append(spot)
