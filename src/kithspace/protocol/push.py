"""Which news does a peer get without asking?

One `Push` for each peer and space. It remembers how long the peer's feeds are known to be, where
that is not what the last comparison says.

Rules (protocol.md X7):
    A new block goes as `blocks` to a peer whose known length ends where it begins, else as `have`,
    after which it asks. With more than 12 neighbours: `have` only.
    Who sent a block is known to have it, and is left out.
    News gather until the peer can use them; a digest that is sent covers all before it.
    Over `MAX_PUSHED` blocks at once go as `have`: they belong on the bulk lane.
"""

from collections.abc import Iterable
from typing import Final

from kithspace.core.ids import BlockId, FeedId
from kithspace.protocol.answer import MAX_OPEN, Ranges, ReadBlocks
from kithspace.protocol.leaves import KEY_BYTES, FeedLeaf, LeafSet, feed_form
from kithspace.protocol.messages import ROOM, Have, WireBlock
from kithspace.protocol.peek import Part

MAX_NEIGHBOURS: Final = 12
MAX_PUSHED: Final = 64
MAX_HAVE: Final = 256


class Push:
    """News of feeds for one peer.

    Args:
        ours: What this node announces.
        read: Reads blocks of this node.
    """

    def __init__(self, ours: LeafSet, read: ReadBlocks) -> None:
        self._ours = ours
        self._known: dict[bytes, int] = {}
        self._news: dict[bytes, int] = {}
        self._blocks = Ranges(read)
        self._have: dict[bytes, None] = {}

    # ---------------------------------------------------------------- what is known of the peer

    def known_length(self, feed: bytes) -> int:
        """How long the peer's feed is, as far as is known here, after a comparison."""
        return self._known.get(feed, self._news.get(feed, self._ours.length(feed)))

    def peer_has(self, feed: bytes, length: int) -> None:
        """The peer announced a feed."""
        self._known[feed] = length

    def peer_lacks_from(self, feed: bytes, first: int) -> None:
        """The peer asked for blocks from `first` on."""
        self._known[feed] = max(first, self._known.get(feed, 0))

    def peer_got(self, parts: Iterable[Part]) -> None:
        """Blocks went to the peer, or came from it."""
        for feed, first, end in parts:
            known = self._known.get(feed)
            if known is None or first <= known < end:
                self._known[feed] = end

    def is_equal(self) -> None:
        """A comparison found both the same, but for the news since the digest."""
        self._known.clear()

    # ---------------------------------------------------------------- news

    def add(self, feed: bytes, before: int) -> None:
        """A feed is longer than `before`."""
        self._news.setdefault(feed, before)

    def digest_sent(self) -> None:
        """The peer learns of all news by a comparison."""
        self._news.clear()

    def __bool__(self) -> bool:
        return bool(self._news or self._blocks or self._have)

    def release(self, neighbours: int) -> None:
        """Decide how each of the news goes out; call only when the peer can use them."""
        news, self._news = self._news, {}
        for feed, before in news.items():
            length = self._ours.length(feed)
            known = self._known.setdefault(feed, before)
            count = length - known
            if count <= 0:
                continue
            if known == before and count <= MAX_PUSHED and neighbours <= MAX_NEIGHBOURS:
                self._push(FeedId(feed), known, length)
            else:
                self._have[feed] = None

    def _push(self, feed: FeedId, first: int, length: int) -> None:
        if self._blocks.open_ranges >= MAX_OPEN:
            self._have[feed] = None
            return
        self._blocks.want([(feed, first, length)])
        self._known[feed] = length

    # ---------------------------------------------------------------- output

    def blocks_to_send(self, room_bytes: int) -> list[WireBlock]:
        """Blocks for one message on the live lane; maybe none."""
        return self._blocks.next_blocks(room_bytes)

    def have_to_send(self, ch: int, room_bytes: int) -> Have | None:
        """The next `have`, if there is something to say and room for it."""
        if not self._have or room_bytes < MAX_HAVE * len(feed_form(_NO_LEAF)) + ROOM:
            return None
        chosen = list(self._have)[:MAX_HAVE]
        for feed in chosen:
            del self._have[feed]
        leaves = (self._ours.leaf_of(feed) for feed in chosen)
        joined = b"".join(sorted(feed_form(leaf) for leaf in leaves if leaf.length))
        return Have(ch, joined) if joined else None


_NO_LEAF: Final = FeedLeaf(FeedId(bytes(KEY_BYTES)), 0, BlockId(bytes(KEY_BYTES)))
