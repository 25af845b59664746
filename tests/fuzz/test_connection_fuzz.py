"""Whatever a stranger or a member sends: only PeerError, bounded memory, no hang."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kithspace.errors import PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.channel import Channel
from kithspace.protocol.frames import UNTRUSTED_BYTES, FrameReader
from kithspace.protocol.noise import Side, Transport
from kithspace.protocol.pake import Pake, Role
from kithspace.protocol.session import Session
from kithspace.protocol.sharing_events import EarlyCredentials, SpaceReady
from tests.wire import START_MS, Person, TestBook, Wire, seeded, space_named
from tests.wire_messages import any_message

ANA, BEN = Person("ana"), Person("ben")
GROCERIES = space_named("groceries")


def only_peer_error(call: Callable[[], object]) -> PeerError | None:
    try:
        call()
    except PeerError as error:
        return error
    return None


class Stranger:
    """A peer with the channel and no manners."""

    def __init__(self, victim: Session, side: Side = Side.DIALER) -> None:
        self.victim = victim
        self.channel = Channel(side, "ws", b"s" * 32, START_MS)
        self.error: PeerError | None = None
        for data in self.channel.data_to_send():
            self.give(data)

    def give(self, data: bytes) -> None:
        error = only_peer_error(lambda: self.victim.receive_data(data, START_MS))
        self.error = self.error or error
        self.victim.events_received()
        while answers := self.victim.data_to_send():
            for answer in answers:
                self.channel.receive_data(answer, START_MS)

    def say(self, message: Any, lane: int | None = None) -> None:
        body = m.encode(message)
        self.raw(m.place_of(message).lanes[0] if lane is None else lane, body)

    def raw(self, lane: int, body: bytes, *, is_last: bool = True) -> None:
        transport = self.channel._transport
        assert isinstance(transport, Transport)
        for at in range(0, max(len(body), 1), 60_000):
            last = is_last and at + 60_000 >= len(body)
            self.give(transport.seal(bytes([lane | (4 if last else 0)]) + body[at : at + 60_000]))


def victim(side: Side = Side.LISTENER, *, is_inviting: bool = True) -> Session:
    book = TestBook(ANA, [ANA, BEN])
    book.take_part(GROCERIES, "+ana", "+ben")
    return Session(side, "ws", book, seeded("victim"), START_MS, is_inviting=is_inviting)


@given(chunks=st.lists(st.binary(max_size=200), max_size=5), side=st.sampled_from(Side))
def test_random_bytes_before_the_handshake_close(chunks: list[bytes], side: Side) -> None:
    session = victim(side)
    for chunk in chunks:
        only_peer_error(partial(session.receive_data, chunk, START_MS))
    assert session.is_closed or not chunks or len(chunks[0]) == 32


@given(chunks=st.lists(st.binary(max_size=200), min_size=1, max_size=3))
def test_random_bytes_after_the_handshake_close(chunks: list[bytes]) -> None:
    session = victim()
    stranger = Stranger(session)
    stranger.give(chunks[0])
    assert stranger.error is not None
    assert stranger.error.code == "E_NOISE"
    assert session.is_closed
    assert session.data_to_send() == []


@given(frames=st.lists(st.binary(max_size=60), max_size=8))
def test_random_frames_raise_nothing_but_peer_error(frames: list[bytes]) -> None:
    reader = FrameReader()
    for frame in frames:
        if only_peer_error(partial(reader.read, frame)):
            return


def test_a_stranger_can_make_us_keep_16_kib_and_no_more() -> None:
    session = victim()
    stranger = Stranger(session)
    for _ in range(3):
        stranger.raw(m.CONTROL, bytes(UNTRUSTED_BYTES // 2), is_last=False)
    assert stranger.error is not None
    assert (stranger.error.code, session.is_closed) == ("E_LIMIT", True)


def test_n6_lanes_1_and_2_are_shut_before_a_match() -> None:
    for lane in (m.LIVE, m.BULK):
        session = victim()
        stranger = Stranger(session)
        stranger.raw(lane, b"x", is_last=False)
        assert stranger.error is not None
        assert stranger.error.code == "E_CREDIT"


def test_an_oversized_control_message_closes_after_trust_too() -> None:
    reader = FrameReader()
    reader.trust()
    reader.read(b"\0" + bytes(16 * 1024))
    error = only_peer_error(partial(reader.read, b"\0x"))
    assert error is not None
    assert error.code == "E_LIMIT"


def test_endless_frames_of_nothing_close() -> None:
    reader = FrameReader()
    assert only_peer_error(partial(reader.read, b"\0")) is not None


@settings(max_examples=150)
@given(said=st.lists(any_message, max_size=6), is_polite=st.booleans())
def test_any_messages_of_a_stranger_raise_nothing_but_peer_error(
    said: list[Any], is_polite: bool
) -> None:
    session = victim()
    stranger = Stranger(session)
    if is_polite:
        stranger.say(m.Hello((1, 1), (), 0, None))
    for message in said:
        if session.is_closed:
            break
        stranger.say(message)
    assert not session.has_proved
    events = session.events_received()
    assert not any(isinstance(event, SpaceReady | EarlyCredentials) for event in events)


@settings(max_examples=100)
@given(said=st.lists(any_message, max_size=6), mode=st.sampled_from([1, 2]))
def test_any_messages_of_a_joiner_without_the_code_prove_nothing(
    said: list[Any], mode: int
) -> None:
    session = victim()
    stranger = Stranger(session)
    stranger.say(m.Hello((1, 1), (), mode, "7" if mode == 1 else None))
    for message in said:
        if session.is_closed:
            break
        stranger.say(message)
    assert not session.has_proved


@settings(max_examples=100)
@given(said=st.lists(any_message, max_size=6))
def test_any_messages_of_a_member_raise_nothing_but_peer_error(said: list[Any]) -> None:
    """A member who has proved itself and then goes mad."""
    ana, ben = TestBook(ANA, [ANA, BEN]), TestBook(BEN, [ANA, BEN])
    for book in (ana, ben):
        book.take_part(GROCERIES, "+ana", "+ben")
    wire = Wire(ben, ana)
    wire.pump()
    (ready,) = (event for event in wire.events[0] if isinstance(event, SpaceReady))
    for one in said:
        if wire.listener.is_closed:
            break
        is_of_space = isinstance(one, m.ChannelMessage)
        message = msgspec.structs.replace(one, ch=ready.ch) if is_of_space else one
        wire.dialer._channel.send(message, m.place_of(message).lanes[0])
        wire.pump()
    assert all(isinstance(error, PeerError) for error in wire.errors)


@given(body=st.binary(min_size=33, max_size=33), role=st.sampled_from(Role))
def test_any_pake_message_raises_nothing_but_peer_error(body: bytes, role: Role) -> None:
    letter = b"B" if role is Role.INVITER else b"A"
    for given_body in (body, letter + body[1:], letter + bytes(32), letter + b"\1" + bytes(31)):
        pake = Pake(role, b"a-b-c", bytes(32), seeded("pake"))
        error = only_peer_error(partial(pake.finish, given_body))
        assert error is None or error.code == "E_PAKE"


def test_pings_without_end_get_one_answer() -> None:
    session = victim()
    stranger = Stranger(session)
    stranger.say(m.Hello((1, 1), (), 0, None))
    sealed = []
    for number in range(200):
        transport = stranger.channel._transport
        assert transport is not None
        sealed.append(transport.seal(b"\4" + m.encode(m.Ping(number, START_MS))))
    for data in sealed:
        session.receive_data(data, START_MS)
    assert len(session.data_to_send()) == 1
