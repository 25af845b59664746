"""In which bytes was a stored block sent?

Rules:
    B7  A body that lies opened is sealed again with its nonce and padding: the same bytes again.
    V12 Blocks of a branch below the fork lie under its parent's number; headers of both name the
        feed that was opened.
"""

from typing import TYPE_CHECKING

from kithspace.core.effects import PutBlock, PutFeed
from kithspace.core.envelope import OPENED, content_key, read_clear, wire_of
from kithspace.core.ids import FeedId
from kithspace.core.state import State, WireBlock
from kithspace.errors import PayloadError

if TYPE_CHECKING:
    from collections.abc import Sequence


def blocks_as_sent(state: State, n: int, first: int, end: int) -> list[WireBlock]:
    """Return `[first, end)` of a feed or branch, as far as it is stored, byte for byte as it came.

    Raises:
        PayloadError: The key of a block whose body lies opened is gone.
    """
    feed = _opened_feed(state, n)
    if feed is None or end <= first:
        return []
    found: list[WireBlock] = []
    if first == 0:
        found.append((feed.opening, None, feed.opening_sig))
    keys: dict[bytes, bytes] = {}
    for block in _lying(state, n, max(first, 1), end):
        key = _key_of(state, block, FeedId(feed.id), keys)
        record, payload = wire_of(block, FeedId(feed.id), key)
        found.append((record, payload, block.sig))
    return found


def _opened_feed(state: State, n: int) -> PutFeed | None:
    """The feed that a number's open record is of: its own, or that of what it branched from."""
    feed = state.feed(n)
    while feed is not None and feed.branch_of is not None:
        feed = state.feed(feed.branch_of)
    return feed


def _lying(state: State, n: int, first: int, end: int) -> list[PutBlock]:
    """Blocks under a number, those below its fork from where they lie."""
    own: Sequence[PutBlock] = state.blocks(n, first, end)
    feed = state.feed(n)
    fork = own[0].seq if own else end
    if feed is None or feed.branch_of is None or fork <= first:
        return list(own)
    return [*_lying(state, feed.branch_of, first, fork), *own]


def _key_of(state: State, block: PutBlock, feed: FeedId, known: dict[bytes, bytes]) -> bytes | None:
    clear = read_clear(block.clear)
    if clear.form != OPENED:
        return None
    key = known.get(clear.gen)
    if key is None:
        row = state.key(clear.gen)
        if row is None or row.content is None:
            raise PayloadError("a block was stored with a key that is gone")
        key = known[clear.gen] = content_key(row.content, feed)
    return key
