"""Whatever a peer sends, it is refused or passed over, and an honest one is heard all the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kithspace.core.ids import FeedId
from kithspace.errors import PeerError
from kithspace.protocol import messages
from kithspace.protocol.answer import MAX_OPEN
from kithspace.protocol.leaves import LEAF_BYTES, What
from kithspace.protocol.messages import (
    AnyMessage,
    Blocks,
    Buckets,
    Chunk,
    Credentials,
    Digest,
    Have,
    KeyGive,
    KeyRequest,
    Leaves,
    Want,
    WantChunks,
    WantCredentials,
)
from tests.sync_world import (
    SIGNATURE,
    BareSpace,
    Node,
    World,
    block,
    credential,
    device,
    feed_of,
    opening,
)

numbers = st.integers(0, 2**32 - 1) | st.integers(0, 5)
kinds = st.sampled_from(What)
ids = st.binary(min_size=32, max_size=32) | st.integers(0, 5).map(feed_of)
bitmaps = st.binary(min_size=32, max_size=32) | st.just(b"\xff" * 32)


@st.composite
def leaves_of(draw: st.DrawFn, what: What) -> bytes:
    size = LEAF_BYTES[what]
    if what is What.CREDENTIALS:
        forms = draw(st.lists(st.binary(min_size=size, max_size=size), max_size=6))
    else:
        parts = draw(st.lists(st.tuples(ids, numbers), max_size=6))
        forms = [key + number.to_bytes(4) + bytes(16) for key, number in parts]
    return b"".join(sorted(set(forms))) if draw(st.booleans()) else b"".join(forms)


@st.composite
def all_leaves(draw: st.DrawFn) -> Leaves:
    what = draw(kinds)
    return Leaves(0, what, draw(bitmaps), draw(leaves_of(what)), draw(st.booleans()))


wire_blocks = st.one_of(
    st.builds(lambda n, seq: block(feed_of(n), seq), st.integers(0, 5), st.integers(1, 2**32 - 1)),
    st.builds(lambda n: (opening(n), None, SIGNATURE), st.integers(0, 5)),
    st.tuples(st.binary(max_size=60), st.none(), st.none()),
)
hostile: st.SearchStrategy[AnyMessage] = st.one_of(
    st.builds(Digest, st.just(0), kinds, numbers, st.binary(min_size=32, max_size=32)),
    st.builds(Buckets, st.just(0), kinds, st.binary(min_size=8, max_size=8).map(lambda b: b * 256)),
    all_leaves(),
    st.builds(WantCredentials, st.just(0), st.just(()) | st.just((bytes(16),) * 256)),
    st.builds(Credentials, st.just(0), st.lists(st.tuples(st.just(b"?"), st.just(SIGNATURE)))
              .map(tuple)),
    st.builds(Want, st.just(0), st.lists(st.tuples(ids, numbers, numbers), max_size=9).map(tuple)),
    st.builds(Blocks, st.just(0), st.lists(wire_blocks, max_size=6).map(tuple)),
    st.builds(Have, st.just(0), leaves_of(What.FEEDS)),
    st.builds(WantChunks, st.just(0), st.just((bytes(32),) * 64)),
    st.builds(Chunk, st.just(0), ids, st.none() | st.binary(max_size=9)),
    st.builds(KeyRequest, st.just(0), st.just((bytes(16),) * 64)),
    st.builds(KeyGive, st.just(0), st.just(bytes(16)), st.binary(max_size=9)),
)  # fmt: skip
STRANGER = device(99)


SOURCE = BareSpace(1)
SOURCE.grow(1, 20)
SOURCE.grow(2, 3)
SOURCE.admit(credential(1))
REAL = [item for feed in SOURCE.feeds.values() for item in feed]


@settings(max_examples=150)
@given(
    script=st.lists(st.tuples(hostile, st.integers(0, 40_000)), max_size=25),
    is_dialer=st.booleans(),
    is_first=st.booleans(),
)
def test_a_hostile_peer_delays_no_honest_one_for_long(
    script: list[tuple[AnyMessage, int]], is_dialer: bool, is_first: bool
) -> None:
    honest = Node(1, SOURCE)
    victim = Node(2, BareSpace(2, only=REAL))  # A gate that takes no forged block.
    world = World(honest, victim)
    if not is_first:
        world.connect(honest, victim)
    victim.sync.peer_ready(STRANGER, 0, world.now_ms, is_dialer=is_dialer)
    if is_first:
        world.connect(honest, victim)
    credit = {messages.CONTROL: 1 << 30, messages.LIVE: 1 << 20, messages.BULK: 4 << 20}
    for message, pause in script:
        world.now_ms += pause
        victim.sync.time_passed(world.now_ms)
        try:
            victim.sync.receive(STRANGER, message, world.now_ms)
        except PeerError:
            victim.sync.peer_gone(STRANGER)
            break
        for out in victim.sync.to_send(STRANGER, credit.__getitem__, world.now_ms):
            credit[out.lane] -= len(messages.encode(out.message))
            assert credit[out.lane] >= 0
        world.round()
    world.pass_time(130_000)
    assert {feed: b for feed, b in victim.space.feeds.items() if b} == SOURCE.feeds
    assert victim.space.seen == SOURCE.seen


def test_x6_more_than_1024_open_ranges_are_refused() -> None:
    victim = Node(1, BareSpace(1))
    victim.space.grow(1, 300)
    victim = Node(1, victim.space)
    victim.sync.peer_ready(STRANGER, 0, 0, is_dialer=True)
    ranges = tuple((FeedId(feed_of(1)), n, n + 1) for n in range(256))
    for _ in range(MAX_OPEN // 256):
        victim.sync.receive(STRANGER, Want(0, ranges), 0)
    with pytest.raises(PeerError, match="more than 1024 ranges are open"):
        victim.sync.receive(STRANGER, Want(0, ranges[:1]), 0)
