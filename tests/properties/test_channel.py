"""Messages share a connection: whole, in order, bounded by credit, and alive."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.errors import PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.channel import (
    DEAD_AFTER_MS,
    FRAMES_AT_ONCE,
    PING_AFTER_MS,
    Arrived,
    Channel,
    Ended,
    Opened,
)
from kithspace.protocol.frames import FRAME_BYTES
from kithspace.protocol.noise import MAX_AGE_MS, MAX_MESSAGE_BYTES, Side
from tests.wire import START_MS


class Pair:
    """Two ends whose handshake is over; nobody counts lane 0 any more."""

    def __init__(self) -> None:
        self.now_ms = START_MS
        self.dialer = Channel(Side.DIALER, "ws", b"d" * 32, START_MS)
        self.listener = Channel(Side.LISTENER, "ws", b"l" * 32, START_MS)
        self.arrived: list[Arrived] = []
        self.pump()
        opened = [*self.dialer.events_received(), *self.listener.events_received()]
        assert [type(event) for event in opened] == [Opened, Opened]
        for end in (self.dialer, self.listener):
            end.trust()

    def pump(self) -> None:
        moved = True
        while moved:
            moved = False
            for end, other in (
                (self.dialer, self.listener),
                (self.listener, self.dialer),
            ):
                while messages := end.data_to_send():
                    moved = True
                    for data in messages:
                        assert len(data) <= MAX_MESSAGE_BYTES
                        other.receive_data(data, self.now_ms)

    def heard(self) -> list[Arrived]:
        return [one for one in self.listener.events_received() if isinstance(one, Arrived)]


def chunk(size: int, seed: int) -> m.Chunk:
    return m.Chunk(seed, bytes(32), hashlib.shake_256(bytes([seed % 256])).digest(size))


@given(
    sizes=st.lists(st.integers(0, 200_000) | st.just(FRAME_BYTES), max_size=6),
    controls=st.integers(0, 5),
)
def test_messages_arrive_whole_and_in_order_on_each_lane(sizes: list[int], controls: int) -> None:
    pair = Pair()
    pair.listener.grant(m.BULK, 4 * 1024 * 1024)
    pair.pump()
    bulk = [chunk(size, seed) for seed, size in enumerate(sizes)]
    for message in bulk:
        pair.dialer.send(message)
    for number in range(controls):
        pair.dialer.send(m.Gone(number, "x"))
    pair.pump()
    heard = pair.heard()
    assert [one.message for one in heard if one.lane == m.BULK] == bulk
    assert [one.message for one in heard if one.lane == m.CONTROL] == [
        m.Gone(number, "x") for number in range(controls)
    ]


def test_control_overtakes_bulk_between_two_batches() -> None:
    pair = Pair()
    pair.listener.grant(m.BULK, 4 * 1024 * 1024)
    pair.pump()
    for seed in range(8):
        pair.dialer.send(chunk(250_000, seed))
    first = pair.dialer.data_to_send()
    assert len(first) == FRAMES_AT_ONCE
    pair.dialer.send(m.Gone(7, "now"))
    for data in (*first, *pair.dialer.data_to_send()):
        pair.listener.receive_data(data, pair.now_ms)
    messages = [one.message for one in pair.heard()]
    assert messages.index(m.Gone(7, "now")) <= 1


@given(window=st.integers(1_000, 50_000), sizes=st.lists(st.integers(0, 9_000), max_size=12))
def test_x8_nothing_goes_beyond_credit_and_all_goes_when_it_is_given_back(
    window: int, sizes: list[int]
) -> None:
    pair = Pair()
    pair.listener.grant(m.BULK, window)
    pair.pump()
    sent = [chunk(min(size, window - 100), seed) for seed, size in enumerate(sizes)]
    for message in sent:
        pair.dialer.send(message)
    heard: list[Arrived] = []
    while True:
        pair.pump()
        new = pair.heard()
        assert sum(one.size for one in new) <= window
        if not new:
            break
        heard += new
        for one in new:
            pair.listener.dealt_with(one.lane, one.size)
    assert [one.message for one in heard] == sent


def test_x8_room_is_what_credit_leaves() -> None:
    pair = Pair()
    assert pair.dialer.room(m.BULK) == 0
    pair.listener.grant(m.BULK, 10_000)
    pair.pump()
    message = chunk(2_000, 1)
    pair.dialer.send(message)
    assert pair.dialer.room(m.BULK) == 10_000 - len(m.encode(message))


def test_x8_a_peer_that_sends_beyond_its_credit_is_closed() -> None:
    pair = Pair()
    pair.listener.grant(m.BULK, 1_000)
    pair.dialer._writer.add_credit(m.BULK, 1_000_000)
    pair.dialer.send(chunk(1_500, 1))
    with pytest.raises(PeerError, match="E_CREDIT"):
        pair.pump()
    assert pair.listener.is_closed


def test_who_is_silent_for_4_s_is_pinged_and_after_10_s_given_up() -> None:
    pair = Pair()
    assert pair.dialer.next_deadline() == START_MS + PING_AFTER_MS
    pair.dialer.time_passed(START_MS + PING_AFTER_MS)
    assert pair.dialer.data_to_send()
    assert pair.dialer.next_deadline() == START_MS + DEAD_AFTER_MS
    with pytest.raises(PeerError, match="silent"):
        pair.dialer.time_passed(START_MS + DEAD_AFTER_MS)
    assert pair.dialer.next_deadline() is None


def test_an_answer_to_a_ping_keeps_the_connection() -> None:
    pair = Pair()
    for _ in range(20):
        pair.now_ms += PING_AFTER_MS
        pair.dialer.time_passed(pair.now_ms)
        pair.pump()
    assert not pair.dialer.is_closed
    assert pair.dialer.next_deadline() == pair.now_ms + PING_AFTER_MS


def test_n2_a_connection_ends_after_a_day() -> None:
    pair = Pair()
    pair.now_ms = START_MS + MAX_AGE_MS - 1
    pair.dialer.send(m.Gone(1, "x"))
    pair.listener.send(m.Gone(1, "x"))
    pair.pump()
    assert pair.dialer.next_deadline() == START_MS + MAX_AGE_MS
    pair.dialer.time_passed(START_MS + MAX_AGE_MS)
    pair.pump()
    assert pair.dialer.is_closed
    assert Ended("age") in pair.listener.events_received()


def test_goodbye_comes_after_what_was_said_before() -> None:
    pair = Pair()
    pair.dialer.send(m.Gone(1, "x"))
    pair.dialer.close("enough")
    pair.dialer.send(m.Gone(2, "too late"))
    pair.pump()
    events = pair.listener.events_received()
    assert [getattr(event, "message", event) for event in events] == [
        m.Gone(1, "x"),
        Ended("enough"),
    ]
    assert pair.listener.is_closed


def test_a_peer_that_asks_and_never_reads_is_given_up() -> None:
    pair = Pair()
    with pytest.raises(PeerError, match="E_SLOW"):
        send_many(pair.dialer, m.Buckets(0, 0, bytes(2_048)), 800)


def send_many(end: Channel, message: m.Buckets, count: int) -> None:
    for _ in range(count):
        end.send(message)
