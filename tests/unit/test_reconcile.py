"""X5: the table of the comparison, walked pair by pair, and what a peer may not do."""

import pytest

from kithspace.core.ids import BlockId, FeedId
from kithspace.errors import PeerError
from kithspace.protocol.leaves import (
    ALL_BUCKETS,
    LeafSet,
    What,
    bit_map,
    buckets_of,
    read_leaves,
)
from kithspace.protocol.messages import Buckets, Digest, Leaves
from kithspace.protocol.reconcile import (
    IDLE_MS,
    MAX_LEAVES,
    STALL_MS,
    TRANSITIONS,
    Event,
    Reconciler,
    State,
)

NOW = 1_700_000_000_000
ALL = bit_map(ALL_BUCKETS)


def feeds(*numbers: int, length: int = 1) -> LeafSet:
    leaves = LeafSet(What.FEEDS)
    for number in numbers:
        leaves.put_feed(FeedId(number.to_bytes(2) * 16), length, BlockId(bytes(32)))
    return leaves


def digest_of(leaves: LeafSet) -> Digest:
    return Digest(0, leaves.what, len(leaves), leaves.root())


OURS, THEIRS = feeds(1, 2, 3), feeds(1, 2, 3, 4)


def listed(leaves: LeafSet, *, more: bool = False) -> Leaves:
    return Leaves(0, leaves.what, ALL, b"".join(leaves.sent_leaves(ALL_BUCKETS)), more)


def machine_in(state: State, *, is_dialer: bool) -> Reconciler:
    machine = Reconciler(0, OURS, is_dialer=is_dialer)
    if state is State.START:
        return machine
    machine.ready(NOW)
    if state is State.SENT:
        return machine
    machine.receive(digest_of(OURS if state is State.SAME else THEIRS), NOW)
    if state is State.FETCHING:
        machine.receive(listed(THEIRS), NOW)
    assert machine.state is state
    return machine


def happen(machine: Reconciler, event: Event) -> None:
    match event:
        case Event.READY:
            machine.ready(NOW)
        case Event.DIGEST:
            machine.receive(digest_of(THEIRS), NOW)
        case Event.BUCKETS:
            machine.receive(Buckets(0, What.FEEDS, THEIRS.short_digests()), NOW)
        case Event.PART:
            machine.receive(listed(THEIRS, more=True), NOW)
        case Event.LAST:
            machine.receive(listed(THEIRS), NOW)
        case Event.COMPLETE:
            machine.complete(NOW, is_cut_short=False)
        case Event.STALL:
            machine.time_passed(NOW + STALL_MS)
        case Event.IDLE:
            machine.time_passed(NOW + IDLE_MS)


@pytest.mark.parametrize("is_dialer", [True, False])
@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_x5_each_state_takes_the_events_of_its_rows_and_no_others(
    state: State, event: Event, is_dialer: bool
) -> None:
    machine = machine_in(state, is_dialer=is_dialer)
    is_of_time = event in {Event.STALL, Event.IDLE}
    is_for_listener = event is Event.BUCKETS and is_dialer
    if event in TRANSITIONS[state] and not is_for_listener:
        happen(machine, event)
        assert machine.state in TRANSITIONS[state][event]
    elif is_of_time:
        happen(machine, event)  # An hour without an answer is no fault of a peer.
    else:
        with pytest.raises(PeerError):
            happen(machine, event)


def test_x5_a_refusal_names_side_state_and_event() -> None:
    machine = machine_in(State.SAME, is_dialer=True)
    with pytest.raises(PeerError, match="dialer in state SAME cannot take leaves, last part"):
        machine.receive(listed(THEIRS), NOW)


def test_x5_a_digest_in_another_state_is_answered_at_rest() -> None:
    machine = machine_in(State.FETCHING, is_dialer=True)
    machine.control_to_send()
    machine.receive(digest_of(OURS), NOW)
    assert machine.control_to_send() == []
    machine.complete(NOW, is_cut_short=False)
    assert machine.control_to_send() == [digest_of(OURS)]
    assert machine.state is State.SAME


def test_x5_both_judge_the_digests_that_were_sent() -> None:
    ours = feeds(1)
    machine = Reconciler(0, ours, is_dialer=True)
    machine.ready(NOW)
    sent = digest_of(ours)
    ours.put_feed(FeedId(b"n" * 32), 1, BlockId(bytes(32)))
    machine.receive(sent, NOW)
    assert machine.state is State.SAME


def test_x5_few_leaves_are_sent_at_once_many_as_buckets() -> None:
    few = machine_in(State.LISTING, is_dialer=True)
    assert [type(message) for message in few.control_to_send()] == [Digest]
    part = few.leaves_to_send(1 << 20)
    assert part is not None
    assert not part.more
    many = Reconciler(0, feeds(*range(65)), is_dialer=True)
    many.ready(NOW)
    many.receive(digest_of(OURS), NOW)
    assert [type(message) for message in many.control_to_send()] == [Digest, Buckets]
    assert many.leaves_to_send(1 << 20) is None


def test_x5_after_a_timeout_the_rest_of_the_old_series_is_passed_over() -> None:
    machine = machine_in(State.LISTING, is_dialer=True)
    machine.time_passed(NOW + STALL_MS)
    assert machine.receive(listed(THEIRS), NOW + STALL_MS) == []
    machine.receive(digest_of(THEIRS), NOW + STALL_MS)
    found = machine.receive(listed(THEIRS), NOW + STALL_MS)
    assert [leaf.key for leaf in found] == [(4).to_bytes(2) * 16]


def test_x5_equal_leaves_under_unequal_roots_are_doubted() -> None:
    machine = Reconciler(0, OURS, is_dialer=False)
    machine.ready(NOW)
    machine.receive(Digest(0, What.FEEDS, 3, b"x" * 32), NOW)
    machine.receive(listed(OURS), NOW)
    assert len(machine.doubted) == 3


def test_x8_without_room_no_leaves_are_made() -> None:
    machine = machine_in(State.LISTING, is_dialer=True)
    assert machine.leaves_to_send(100) is None
    assert machine.leaves_to_send(1 << 20) is not None
    assert machine.leaves_to_send(1 << 20) is None


@pytest.mark.parametrize(
    "leaves",
    [
        Leaves(0, What.FEEDS, ALL, b"", more=True),
        Leaves(0, What.FEEDS, ALL, bytes(51), more=False),
        Leaves(0, What.FEEDS, ALL, bytes(104), more=False),
        Leaves(0, What.FEEDS, bit_map([1]), bytes(52), more=False),
    ],
    ids=["empty part", "half a leaf", "twice the same", "of another bucket"],
)
def test_x5_leaves_that_cannot_be_are_refused(leaves: Leaves) -> None:
    machine = machine_in(State.LISTING, is_dialer=True)
    with pytest.raises(PeerError):
        machine.receive(leaves, NOW)


def test_x5_a_series_goes_on_where_it_was() -> None:
    machine = machine_in(State.LISTING, is_dialer=True)
    machine.receive(listed(THEIRS, more=True), NOW)
    with pytest.raises(PeerError, match="ascending"):
        machine.receive(listed(THEIRS), NOW)


def test_x5_a_series_without_end_is_refused() -> None:
    machine = machine_in(State.LISTING, is_dialer=True)
    per_part = 1_200

    def part(number: int) -> Leaves:
        keys = range(number * per_part, (number + 1) * per_part)
        forms = (key.to_bytes(32) + bytes([0, 0, 0, 1]) + bytes(16) for key in keys)
        return Leaves(0, What.FEEDS, ALL, b"".join(forms), more=True)

    last = MAX_LEAVES // per_part
    for number in range(last):
        machine.receive(part(number), NOW)
    with pytest.raises(PeerError, match=f"more than {MAX_LEAVES} leaves"):
        machine.receive(part(last), NOW)


def test_x5_digests_follow_what_changes() -> None:
    one, two = feeds(1, 2), feeds(1, 2, 3)
    assert one.differing(two.short_digests()) == {0}
    assert one.root() != two.root()
    two.put_feed(FeedId((3).to_bytes(2) * 16), 0, BlockId(bytes(32)))
    assert one.root() == two.root()
    two.put_feed(FeedId((2).to_bytes(2) * 16), 2, BlockId(bytes(32)))
    assert one.root() != two.root()


def test_x5_bit_maps_and_leaves_read_back() -> None:
    assert buckets_of(bit_map({0, 7, 8, 255})) == {0, 7, 8, 255}
    assert bit_map({0, 8}) == b"\x01\x01" + bytes(30)
    leaves = read_leaves(What.FEEDS, b"".join(THEIRS.sent_leaves(ALL_BUCKETS)))
    assert all(THEIRS.has(leaf) for leaf in leaves)
    assert [OURS.has(leaf) for leaf in leaves] == [True, True, True, False]
