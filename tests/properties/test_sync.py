"""Two and more nodes come into step: X5 to X8, X11, with bare spaces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kithspace.core.crypto import hash_of
from kithspace.core.ids import GenerationId
from kithspace.protocol.sync_events import BlocksArrived
from tests.sync_world import BareSpace, Node, World, credential, feed_of


def chain(space: BareSpace, count: int, start: int = 0) -> None:
    """A chain of credentials: each the only parent of the next."""
    parent = b""
    for number in range(start, start + count):
        record = credential(number, parent)
        space.admit(record)
        parent = hash_of("ks1/cred", record)


def same(*nodes: Node) -> bool:
    first = nodes[0].space
    return all(
        node.space.seen == first.seen
        and {f: b for f, b in node.space.feeds.items() if b}
        == {f: b for f, b in first.feeds.items() if b}
        for node in nodes
    )


def test_x5_an_idle_reconnect_is_one_digest_each_way() -> None:
    left, right = Node(1), Node(2)
    for node in (left, right):
        chain(node.space, 300)
        for number in range(300):
            node.space.grow(number, 3)
    left, right = Node(1, left.space), Node(2, right.space)
    world = World(left, right)
    wire = world.connect(left, right)
    assert world.run() == 1
    assert wire.bytes < 4 * 50
    assert left.sync.is_in_sync(right.key)
    assert right.sync.is_in_sync(left.key)


def test_x5_a_chain_of_10000_credentials_arrives_parents_first() -> None:
    space = BareSpace(1)
    chain(space, 10_000)
    left, right = Node(1, space), Node(2)
    chain(right.space, 1)
    right = Node(2, right.space)
    world = World(left, right)
    wire = world.connect(right, left)
    world.run()
    assert same(left, right)
    assert right.space.orphans_met == 0
    content = sum(len(record) + 64 for record, _ in space.seen.values())
    assert wire.bytes < content + 10_000 * (20 + 17 + 8) + 10_000


def test_x5_10000_feeds_of_which_few_differ_cost_little() -> None:
    spaces = BareSpace(1), BareSpace(2)
    for number in range(10_000):
        for space in spaces:
            space.grow(number, 2)
    spaces[0].grow(7, 3)
    spaces[1].grow(8, 3)
    spaces[1].grow(10_001, 2)
    left, right = Node(1, spaces[0]), Node(2, spaces[1])
    world = World(left, right)
    wire = world.connect(left, right)
    world.run()
    assert same(left, right)
    assert wire.bytes < 20_000


def test_x5_10000_new_feeds_arrive() -> None:
    space = BareSpace(1)
    for number in range(10_000):
        space.grow(number, 2)
    left, right = Node(1, space), Node(2)
    world = World(left, right)
    wire = world.connect(left, right)
    world.run()
    assert same(left, right)
    assert right.space.waits_met == 0
    content = sum(len(h) + len(p or b"") + 64 for f in space.feeds.values() for h, p, _ in f)
    assert wire.bytes < content * 1.5


@pytest.mark.parametrize("behind", [0, 1, 50, 700])
def test_x5_steady_writers_on_both_sides_come_to_rest(behind: int) -> None:
    left, right = Node(1), Node(2)
    for number in range(behind):
        left.space.grow(100 + number, 2)
        left.space.admit(credential(number))
    left = Node(1, left.space)
    world = World(left, right)
    world.connect(left, right)
    for step in range(200):
        for node, number in ((left, 1), (right, 2)):
            node.sync.feeds_changed(node.space.grow(number, 1), world.now_ms)
            if step % 10 == 0:
                added = node.space.admit(credential(10_000 * number + step))
                node.sync.credentials_added(added, world.now_ms)
        world.round()
    for node, other in ((left, right), (right, left)):
        # The other is at most a few rounds behind while both go on writing.
        theirs = len(node.space.feeds[feed_of(1 if node is left else 2)])
        assert len(other.space.feeds[feed_of(1 if node is left else 2)]) >= theirs - 10
    world.run()
    assert same(left, right)
    assert left.sync.is_in_sync(right.key)


def test_x7_a_new_block_is_pushed_without_being_asked() -> None:
    left, right = Node(1), Node(2)
    world = World(left, right)
    world.connect(left, right)
    world.run()
    for _ in range(5):
        left.sync.feeds_changed(left.space.grow(1, 1), world.now_ms)
        world.round()
    assert same(left, right)


def test_x7_who_sent_a_block_does_not_get_it_back() -> None:
    left, right = Node(1), Node(2)
    world = World(left, right)
    world.connect(left, right)
    world.run()
    left.sync.feeds_changed(left.space.grow(1, 1), world.now_ms)
    world.run()
    assert not [event for event in left.events if isinstance(event, BlocksArrived)]


def test_x6_one_feed_is_asked_of_one_peer() -> None:
    source = BareSpace(1)
    for number in range(40):
        source.grow(number, 300)
    left, middle, right = Node(1, source), Node(2, source), Node(3)
    world = World(left, middle, right)
    wires = [world.connect(right, left), world.connect(right, middle)]
    world.run()
    assert same(left, right)
    total = sum(len(blocks) for blocks in source.feeds.values())
    arrived = [event for event in right.events if isinstance(event, BlocksArrived)]
    assert sum(len(event.blocks) for event in arrived) == total
    assert {event.peer for event in arrived} == {left.key, middle.key}
    assert all(wire.bytes > 0 for wire in wires)


def test_x6_what_a_silent_peer_does_not_answer_is_asked_of_another() -> None:
    source = BareSpace(1)
    source.grow(1, 30)
    silent, good, asker = Node(1, source), Node(2, source), Node(3)
    world = World(silent, good, asker)
    world.connect(asker, silent)
    silent.is_silent = True
    world.run()
    assert not asker.space.feeds
    world.connect(asker, good)
    world.run()
    world.pass_time(21_000)
    assert same(good, asker)


def test_x6_what_one_peer_spoils_is_asked_of_another() -> None:
    source = BareSpace(1)
    source.grow(1, 30)
    bad, good, asker = Node(1, source), Node(2, source), Node(3)
    world = World(bad, good, asker)
    world.connect(asker, bad)
    world.connect(asker, good)
    asker.space.refuses = True
    for _ in range(30):
        world.round()
        if [event for event in asker.events if isinstance(event, BlocksArrived)]:
            break
    asker.space.refuses = False
    world.run()
    assert same(good, asker)


def test_x8_a_big_feed_stays_within_both_windows() -> None:
    source = BareSpace(1)
    source.grow(1, 150, size=100_000)
    left, right = Node(1, source), Node(2)
    world = World(left, right)
    wire = world.connect(left, right)
    world.run()
    assert same(left, right)
    assert wire.most_queued < 5 << 20


def test_x6_a_connection_that_breaks_is_resumed_at_any_block() -> None:
    source = BareSpace(1)
    source.grow(1, 2_000)
    left, right = Node(1, source), Node(2)
    world = World(left, right)
    total = 0
    for rounds in range(3, 40):
        wire = world.connect(left, right)
        for _ in range(rounds):
            world.round()
        total += wire.bytes
        world.cut(left, right)
    world.connect(left, right)
    world.run()
    assert same(left, right)


def test_x11_a_key_is_asked_once_a_minute_and_taken() -> None:
    left, right = Node(1), Node(2)
    generation = GenerationId(bytes(16))
    world = World(left, right)
    world.connect(left, right)
    right.sync.lack_keys([generation])
    world.run()
    assert generation not in right.space.keys
    left.space.keys[generation] = b"sealed"
    world.pass_time(59_000)
    assert generation not in right.space.keys
    world.pass_time(2_000)
    assert right.space.keys == left.space.keys


def test_x9_a_chunk_is_asked_of_who_has_it() -> None:
    without, holder, asker = Node(1), Node(2), Node(3)
    body = b"sealed keys"
    hash_ = hash_of("ks1/chunk", body)
    holder.space.chunks[hash_] = body
    world = World(without, holder, asker)
    world.connect(asker, without)
    world.connect(asker, holder)
    asker.sync.want_chunks([hash_])
    world.run()
    assert asker.space.chunks == {hash_: body}


def test_x12_a_removed_peer_gets_credentials_then_gone_and_no_blocks() -> None:
    left, right = Node(1), Node(2)
    world = World(left, right)
    wire = world.connect(left, right)
    world.run()
    left.sync.credentials_added(left.space.admit(credential(1)), world.now_ms)
    left.sync.peer_removed(right.key)
    left.sync.feeds_changed(left.space.grow(1, 2), world.now_ms)
    world.pass_time(3_000)
    assert right.space.seen == left.space.seen
    assert not right.space.feeds
    assert right.key not in left.sync.peers
    assert wire.is_empty


growth = st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(1, 70))


@settings(max_examples=40)
@given(
    start=st.lists(growth, max_size=8),
    during=st.lists(st.tuples(growth, st.booleans(), st.booleans()), max_size=12),
    links=st.sets(st.sampled_from([(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]), min_size=1),
)
def test_nodes_that_are_linked_end_with_the_same_sets(
    start: list[tuple[int, int, int]],
    during: list[tuple[tuple[int, int, int], bool, bool]],
    links: set[tuple[int, int]],
) -> None:
    spaces = [BareSpace(number) for number in range(4)]
    # A feed is written by one node alone.
    for who, number, count in start:
        spaces[who].grow(who * 10 + number, count)
        spaces[who].admit(credential(who * 10 + number))
    nodes = [Node(number, space) for number, space in enumerate(spaces)]
    world = World(*nodes)
    for left, right in sorted(links):
        world.connect(nodes[left], nodes[right])
    for (who, number, count), is_credential, breaks in during:
        node = nodes[who]
        if is_credential:
            node.sync.credentials_added(
                node.space.admit(credential(1_000 + who * 10 + number)), world.now_ms
            )
        else:
            node.sync.feeds_changed(node.space.grow(who * 10 + number, count), world.now_ms)
        if breaks:
            left, right = min(links)
            world.cut(nodes[left], nodes[right])
            world.connect(nodes[left], nodes[right])
        world.round()
    world.run()
    reached: list[set[int]] = []
    for left, right in sorted(links):
        joined = {left, right}.union(*(g for g in reached if g & {left, right}))
        reached = [g for g in reached if not g & {left, right}] + [joined]
    for group in reached:
        assert same(*(nodes[number] for number in group))
