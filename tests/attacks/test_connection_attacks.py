"""What strangers, middlemen, guessers and removed members get from a connection: nothing."""

import pytest

from kithspace.core import crypto
from kithspace.errors import PeerError
from kithspace.protocol import invitation as i
from kithspace.protocol import messages as m
from kithspace.protocol.channel import Arrived, Channel, Opened
from kithspace.protocol.inviter import Inviter
from kithspace.protocol.joiner import Joiner
from kithspace.protocol.noise import Side
from kithspace.protocol.pake import Pake, Role
from kithspace.protocol.proofs import n4_check, n4_text
from kithspace.protocol.session import Session
from kithspace.protocol.sharing_events import EarlyCredentials, SpaceGone, SpaceReady
from kithspace.protocol.words import Code
from tests.wire import START_MS, Person, TestBook, Wire, seeded, space_named

ANA, BEN, EVE = Person("ana"), Person("ben"), Person("eve")
PEOPLE = [ANA, BEN, EVE]
GROCERIES, WORK = space_named("groceries"), space_named("work")
CODE = Code("7", ("marble", "salad", "tiger"))


class Tap:
    """A dialer that reads what is said to it, message by message."""

    def __init__(self, victim: Session) -> None:
        self.victim = victim
        self.channel = Channel(Side.DIALER, "ws", b"t" * 32, START_MS)
        self.heard: list[m.AnyMessage] = []
        self.hash = b""
        self.now_ms = START_MS
        self.pump()

    def pump(self) -> None:
        moved = True
        while moved:
            moved = False
            while messages := self.channel.data_to_send():
                moved = True
                for data in messages:
                    self.victim.receive_data(data, self.now_ms)
            while messages := self.victim.data_to_send():
                moved = True
                for data in messages:
                    self.channel.receive_data(data, self.now_ms)
            for event in self.channel.events_received():
                if isinstance(event, Opened):
                    self.hash = event.handshake_hash
                if isinstance(event, Arrived):
                    self.heard.append(event.message)

    def say(self, message: m.AnyMessage) -> None:
        self.channel.send(message)
        self.pump()


def victim(*, spaces: int = 1, is_inviting: bool = False) -> tuple[Session, TestBook]:
    book = TestBook(ANA, PEOPLE)
    for number in range(spaces):
        book.take_part(space_named(f"space {number}"), "+ana", "+ben")
    session = Session(
        Side.LISTENER, "ws", book, seeded("victim"), START_MS, is_inviting=is_inviting
    )
    return session, book


def test_stranger_learns_nothing() -> None:
    """A stranger dials, says hello, offers tags, and hears a padded count and goodbye."""
    session, book = victim(spaces=20)
    tap = Tap(session)
    tap.say(m.Hello((1, 1), (), 0, None))
    tap.say(m.Tags(bytes(range(256))))
    tap.now_ms += 5_000
    tap.say(m.Ping(1, tap.now_ms))
    session.time_passed(START_MS + 10_000)
    tap.pump()
    kinds = [type(message) for message in tap.heard]
    assert kinds == [m.Hello, m.Tags]
    assert session.is_closed
    said = b"".join(m.encode(message) for message in tap.heard)
    secrets = [ANA.identity, ANA.key, *(one.key for one in book.keys), *book.ledgers]
    assert not any(secret[:8] in said for secret in secrets)
    assert book.signed == []


@pytest.mark.parametrize("spaces", [0, 1, 31, 32])
def test_n3_the_count_of_tags_is_padded(spaces: int) -> None:
    session, _ = victim(spaces=spaces)
    tap = Tap(session)
    tap.say(m.Hello((1, 1), (), 0, None))
    (tags,) = (message for message in tap.heard if isinstance(message, m.Tags))
    assert len(tags.tags) == 32 * 8


def test_n3_tags_echoed_or_replayed_match_nothing() -> None:
    session, book = victim()
    tap = Tap(session)
    tap.say(m.Hello((1, 1), (), 0, None))
    (tags,) = (message for message in tap.heard if isinstance(message, m.Tags))
    tap.say(m.Tags(tags.tags))
    again, other = victim()
    second = Tap(again)
    second.say(m.Hello((1, 1), (), 0, None))
    second.say(m.Tags(tags.tags))
    assert book.signed == other.signed == []


def test_cross_connection_proof() -> None:
    """A proof that was heard on one connection is worth nothing on another."""
    ana, ben = TestBook(ANA, PEOPLE), TestBook(BEN, PEOPLE)
    for book in (ana, ben):
        book.take_part(GROCERIES, "+ana", "+ben")
    text = n4_text(b"h" * 32, Side.DIALER, GROCERIES, BEN.identity)
    proof = m.Proof(0, BEN.identity, BEN.key, (), (), ben.sign(text))
    assert n4_check(proof, b"h" * 32, Side.DIALER, GROCERIES).device == BEN.key
    for handshake_hash, side, space in (
        (b"i" * 32, Side.DIALER, GROCERIES),
        (b"h" * 32, Side.LISTENER, GROCERIES),
        (b"h" * 32, Side.DIALER, WORK),
    ):
        with pytest.raises(PeerError) as caught:
            n4_check(proof, handshake_hash, side, space)
        assert (caught.value.code, caught.value.score) == ("E_SIGNATURE", -50)


def test_cross_space_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof for one space, put on another space's channel, closes the connection."""
    ana, eve = TestBook(ANA, PEOPLE), TestBook(EVE, PEOPLE)
    for book in (ana, eve):
        book.take_part(GROCERIES, "+ana", "+eve")
        book.take_part(WORK, "+ana", "+eve")
    wire = Wire(eve, ana)
    original = eve.sign
    monkeypatch.setattr(eve, "sign", lambda text: original(text.replace(WORK, GROCERIES)))
    wire.pump()
    assert [error.code for error in wire.errors] == ["E_SIGNATURE"]


def test_removed_gets_only_credentials() -> None:
    """A removed member with the old key hears what says so, and not who answered."""
    ana = TestBook(ANA, PEOPLE)
    ana.take_part(GROCERIES, "+ana", "+eve", "-eve", numbers=(1, 2))
    eve = TestBook(EVE, PEOPLE)
    eve.take_part(GROCERIES, "+ana", "+eve")
    for dialer, listener, place in ((eve, ana, 0), (ana, eve, 1)):
        wire = Wire(dialer, listener)
        wire.pump()
        wire.pass_time(9_000)
        assert [type(event) for event in wire.events[place]] == [EarlyCredentials, SpaceGone]
        assert wire.of(1 - place, SpaceReady) == []
        assert ana.signed == []


def test_x12_invented_heads_do_not_keep_a_removed_member_in() -> None:
    """A proof that names heads nobody knows stands while its author is a member, and no longer."""
    ana, eve = TestBook(ANA, PEOPLE), TestBook(EVE, PEOPLE)
    ledger = ana.take_part(GROCERIES, "+ana", "+eve")
    eve.take_part(GROCERIES, "+ana", "+eve", "+invented")
    wire = Wire(eve, ana)
    wire.pump()
    assert wire.of(1, SpaceReady)
    ledger.add("-eve")
    wire.listener.credentials_taken(GROCERIES, wire.now_ms)
    wire.pump()
    assert wire.of(1, SpaceGone) == [SpaceGone(GROCERIES, "removed")]
    wire.listener.send(GROCERIES, m.Digest(0, 1, 0, bytes(32)))
    assert wire.listener.data_to_send() == []


def test_return_after_rotation() -> None:
    """A member who was away during a rotation finds the space by its older key."""
    ana, ben = TestBook(ANA, PEOPLE), TestBook(BEN, PEOPLE)
    ana.take_part(GROCERIES, "+ana", "+ben", numbers=(1, 2, 3))
    ben.take_part(GROCERIES, "+ana", "+ben", numbers=(1,))
    for dialer, listener in ((ana, ben), (ben, ana)):
        wire = Wire(dialer, listener)
        wire.pump()
        assert wire.of(0, SpaceReady)
        assert wire.of(1, SpaceReady)


# ---------------------------------------------------------------- codes


def inviter(handshake_hash: bytes = b"h" * 32) -> Inviter:
    return Inviter("7", handshake_hash, Side.LISTENER, seeded("inviter"))


def guess(words: tuple[str, str, str], tries: list[int]) -> i.InvitationFailed | None:
    """One guess at a code, by the joiner's own machine."""
    host = inviter()
    guest = Joiner(Code("7", words), b"h" * 32, Side.DIALER, seeded("guest"))
    moved = True
    while moved:
        moved = False
        for one, other in ((guest, host), (host, guest)):
            for message in one.messages_to_send():
                moved = True
                other.receive(message)
        for event in host.events_received():
            if isinstance(event, i.TryWanted):
                moved = True
                if tries[0] == 0:
                    host.refuse("wrong", 0)
                else:
                    tries[0] -= 1
                    host.try_taken(b"id", CODE.password, tries[0])
            if isinstance(event, i.CodeRight):
                tries[0] += 1
    failed = [one for one in guest.events_received() if isinstance(one, i.InvitationFailed)]
    return failed[0] if failed else None


def test_three_guesses() -> None:
    tries = [3]
    wrong = ("zoo", "zoo", "zoo")
    assert [guess(wrong, tries) for _ in range(4)] == [
        i.InvitationFailed("wrong", 2),
        i.InvitationFailed("wrong", 1),
        i.InvitationFailed("wrong", 0),
        i.InvitationFailed("wrong", 0),
    ]
    assert guess(CODE.words, tries) == i.InvitationFailed("wrong", 0)


def test_a_good_guess_gives_the_try_back() -> None:
    tries = [3]
    assert guess(CODE.words, tries) is None
    assert tries == [3]


def test_guess_counted_before_answer() -> None:
    """Nothing goes back to the joiner before the try is on disk."""
    host = inviter()
    host.receive(m.Pake(Pake(Role.JOINER, b"zoo", b"h" * 32, seeded("g")).body))
    assert host.messages_to_send() == []
    assert host.events_received() == [i.TryWanted("7")]
    host.try_taken(b"id", CODE.password, 2)
    assert [type(message) for message in host.messages_to_send()] == [m.Pake]


def test_a_second_guess_on_one_connection_closes() -> None:
    host = inviter()
    body = Pake(Role.JOINER, b"zoo", b"h" * 32, seeded("g")).body
    host.receive(m.Pake(body))
    with pytest.raises(PeerError):
        host.receive(m.Pake(body))


def test_rendezvous_mitm() -> None:
    """Whoever carries the bytes stands between two handshakes: nothing of one fits the other."""
    host = inviter(b"1" * 32)
    guest = Joiner(CODE, b"2" * 32, Side.DIALER, seeded("guest"))
    (first,) = guest.messages_to_send()
    host.receive(first)
    host.events_received()
    host.try_taken(b"id", CODE.password, 2)
    (second,) = host.messages_to_send()
    guest.receive(second)
    (confirm,) = guest.messages_to_send()
    host.receive(confirm)
    assert host.messages_to_send() == [m.Failed("wrong", 2)]
    assert not host.is_trusted


def test_a_pake_message_sent_back_to_its_maker_closes() -> None:
    pake = Pake(Role.INVITER, b"zoo", b"h" * 32, seeded("g"))
    with pytest.raises(PeerError):
        pake.finish(pake.body)


def test_a_knock_of_another_connection_closes() -> None:
    keys = crypto.sign_keypair(b"k" * 32)
    host = Inviter(None, b"h" * 32, Side.LISTENER, seeded("inviter"))
    signature = crypto.sign(keys.secret, "ks1/knock", b"i" * 32 + Side.DIALER.byte)
    with pytest.raises(PeerError):
        host.receive(m.Knock(keys.public, signature))


# ---------------------------------------------------------------- time and volume


def silence(session: Session, until_ms: int) -> None:
    session.time_passed(until_ms - 1)
    assert not session.is_closed
    session.time_passed(until_ms)


def test_a_port_scanner_is_hung_up_on_after_5_s() -> None:
    session, _ = victim()
    with pytest.raises(PeerError):
        silence(session, START_MS + 5_000)
    assert session.is_closed
    assert session.data_to_send() == []


def test_who_says_no_hello_is_hung_up_on_after_10_s() -> None:
    session, _ = victim()
    Tap(session)
    session.time_passed(START_MS + 4_000)
    with pytest.raises(PeerError):
        session.time_passed(START_MS + 10_000)


def test_who_only_pongs_is_hung_up_on_after_10_s() -> None:
    session, _ = victim()
    tap = Tap(session)
    tap.say(m.Hello((1, 1), (), 0, None))
    for _ in range(9):
        tap.now_ms += 1_000
        tap.say(m.Ping(1, tap.now_ms))
    session.time_passed(START_MS + 10_000)
    assert session.is_closed


def test_n2_a_handshake_message_with_a_payload_closes() -> None:
    for side, data in ((Side.LISTENER, bytes(33)), (Side.DIALER, bytes(49))):
        channel = Channel(side, "ws", b"c" * 32, START_MS)
        with pytest.raises(PeerError):
            channel.receive_data(data, START_MS)
        assert channel.is_closed


def test_n1_another_carrier_or_version_does_not_shake_hands() -> None:
    dialer = Channel(Side.DIALER, "tcp", b"d" * 32, START_MS)
    listener = Channel(Side.LISTENER, "ws", b"l" * 32, START_MS)
    (first,) = dialer.data_to_send()
    listener.receive_data(first, START_MS)
    (second,) = listener.data_to_send()
    with pytest.raises(PeerError):
        dialer.receive_data(second, START_MS)


def test_a_key_of_small_order_closes() -> None:
    for key in (bytes(32), b"\1" + bytes(31)):
        listener = Channel(Side.LISTENER, "ws", b"l" * 32, START_MS)
        with pytest.raises(PeerError):
            listener.receive_data(key, START_MS)


def test_a_message_said_twice_closes() -> None:
    """A carrier that repeats or reorders is no better than one that cuts."""
    ana, ben = TestBook(ANA, PEOPLE), TestBook(BEN, PEOPLE)
    for book in (ana, ben):
        book.take_part(GROCERIES, "+ana", "+ben")
    wire = Wire(ana, ben)
    wire.pump()
    wire.deliver(1, wire.sent[0][-1])
    assert [error.code for error in wire.errors] == ["E_NOISE"]
