"""Two nodes find what they share, and open just that."""

import pytest

from kithspace.core.codec import encode
from kithspace.core.ids import SpaceId
from kithspace.errors import PeerError
from kithspace.protocol import messages as m
from kithspace.protocol.proofs import (
    OURS,
    THEIRS,
    Claim,
    OurEvent,
    Ours,
    TheirEvent,
    Theirs,
    next_ours,
    next_theirs,
)
from kithspace.protocol.session import numbers_named
from kithspace.protocol.sharing_events import (
    EarlyCredentials,
    SpaceGone,
    SpaceMessage,
    SpaceReady,
)
from tests.wire import Person, TestBook, Wire, key_of, space_named

ANA, BEN, CLEO = Person("ana"), Person("ben"), Person("cleo")
PEOPLE = [ANA, BEN, CLEO]
GROCERIES, WORK = space_named("groceries"), space_named("work")


def books() -> tuple[TestBook, TestBook]:
    return TestBook(ANA, PEOPLE), TestBook(BEN, PEOPLE)


def connect(ana: TestBook, ben: TestBook) -> Wire:
    wire = Wire(ana, ben)
    wire.pump()
    return wire


def answer_early(wire: Wire) -> None:
    """Do what a node does with early credentials, until nothing more comes."""
    done = [0, 0]
    while True:
        wire.pump()
        early = [wire.of(number, EarlyCredentials)[done[number] :] for number in (0, 1)]
        if not any(early):
            return
        for number in (0, 1):
            done[number] += len(early[number])
            for event in early[number]:
                assert isinstance(event, EarlyCredentials)
                wire.books[number].take_in(event.space, event.records)
                wire.ends[number].dealt_with(event.lane, event.size)
                wire.ends[number].credentials_taken(event.space, wire.now_ms)


def ready(wire: Wire, number: int) -> set[bytes]:
    return {event.space for event in wire.of(number, SpaceReady) if isinstance(event, SpaceReady)}


def test_x1_two_members_open_the_space_that_both_have() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ana.take_part(WORK, "+ana")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    assert ready(wire, 0) == ready(wire, 1) == {GROCERIES}
    (event,) = wire.of(0, SpaceReady)
    assert isinstance(event, SpaceReady)
    assert (event.identity, event.device) == (BEN.identity, BEN.key)
    assert wire.errors == []


def test_x1_further_spaces_open_after_the_first() -> None:
    ana, ben = books()
    for number in range(40):
        ana.take_part(space_named(str(number)), "+ana", "+ben")
        ben.take_part(space_named(str(number)), "+ana", "+ben")
    wire = connect(ana, ben)
    assert len(ready(wire, 0)) == len(ready(wire, 1)) == 40


def test_x1_two_members_who_do_not_know_each_other_exchange_their_ancestry() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+cleo", "+ana")
    ben.take_part(GROCERIES, "+cleo", "+ben")
    wire = connect(ana, ben)
    answer_early(wire)
    assert ready(wire, 0) == ready(wire, 1) == {GROCERIES}


def test_x1_messages_pass_only_when_both_are_ready() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    (event,) = wire.of(0, SpaceReady)
    assert isinstance(event, SpaceReady)
    wire.dialer.send(GROCERIES, m.Digest(event.ch, 0, 1, bytes(32)))
    wire.pump()
    (heard,) = wire.of(1, SpaceMessage)
    assert isinstance(heard, SpaceMessage)
    assert heard.message == m.Digest(event.ch, 0, 1, bytes(32))


def test_n4_the_newest_common_generation_is_the_match() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben", numbers=(1, 2, 3))
    ben.take_part(GROCERIES, "+ana", "+ben", numbers=(1, 2))
    wire = connect(ana, ben)
    assert ready(wire, 0) == {GROCERIES}


def test_n4_who_matched_on_an_older_generation_says_nothing_before_a_good_proof() -> None:
    """Ana has removed Ben; his node learns that, and never who answered."""
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben", "-ben", numbers=(1, 2))
    ben.take_part(GROCERIES, "+ana", "+ben")
    for dialer, listener in ((ana, ben), (ben, ana)):
        wire = connect(dialer, listener)
        bens = 0 if dialer is ben else 1
        answer_early(wire)
        assert ready(wire, 0) == ready(wire, 1) == set()
        gone = wire.of(bens, SpaceGone)
        assert gone == [SpaceGone(GROCERIES, "removed")]
        assert ana.signed == []
        ben.ledgers[GROCERIES].records = ben.ledgers[GROCERIES].records[:2]


def test_n4_two_who_both_rotated_go_on_after_one_second() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    ana.keys.insert(0, key_of(GROCERIES, 2))
    ben.keys.insert(0, key_of(GROCERIES, 3))
    wire = connect(ana, ben)
    assert ready(wire, 0) == set()
    wire.pass_time(1_000)
    assert ready(wire, 0) == ready(wire, 1) == {GROCERIES}


def test_x12_a_removed_member_gets_the_credentials_and_then_gone() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben", "-ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    answer_early(wire)
    assert ben.ledgers[GROCERIES].records == ana.ledgers[GROCERIES].records
    assert [type(event) for event in wire.events[1]] == [EarlyCredentials, SpaceGone]
    assert wire.of(0, SpaceReady) == []


def test_x12_two_who_removed_each_other_learn_of_it() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben", "-ben")
    ben.take_part(GROCERIES, "+ana", "+ben", "-ana")
    wire = connect(ana, ben)
    answer_early(wire)
    assert ana.ledgers[GROCERIES].ids() == ben.ledgers[GROCERIES].ids()


def test_a_removal_while_connected_ends_the_space_there() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    ana.ledgers[GROCERIES].add("-ben")
    wire.dialer.credentials_taken(GROCERIES, wire.now_ms)
    wire.pump()
    assert wire.of(1, SpaceGone) == [SpaceGone(GROCERIES, "removed")]
    assert wire.of(0, SpaceGone) == [SpaceGone(GROCERIES, "removed")]


def test_x2_a_new_space_is_found_by_tags_sent_again() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    for book, session in zip((ana, ben), wire.ends, strict=True):
        book.take_part(WORK, "+ana", "+ben")
        session.keys_grown(wire.now_ms)
        wire.pump()
    assert ready(wire, 0) == ready(wire, 1) == {GROCERIES, WORK}
    numbers = {event.ch for event in wire.of(0, SpaceReady) if isinstance(event, SpaceReady)}
    assert max(numbers) >= 1_024


def test_x2_tags_that_cross_still_name_one_space() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    for book in (ana, ben):
        book.take_part(WORK, "+ana", "+ben")
    for session in wire.ends:
        session.keys_grown(wire.now_ms)
    wire.pump()
    assert ready(wire, 0) == ready(wire, 1) == {GROCERIES, WORK}
    assert wire.errors == []


def test_n5_a_connection_that_shares_nothing_is_closed_after_10_s() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana")
    ben.take_part(WORK, "+ben")
    wire = connect(ana, ben)
    wire.pass_time(9_900)
    assert not wire.listener.is_closed
    wire.pass_time(200)
    assert wire.dialer.is_closed
    assert wire.listener.is_closed


def test_leaving_ends_the_space_on_both_sides() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    wire.dialer.leave(GROCERIES)
    wire.pump()
    assert wire.of(1, SpaceGone) == [SpaceGone(GROCERIES, "left")]


def test_a_node_that_dials_itself_hangs_up() -> None:
    ana, _ = books()
    ana.take_part(GROCERIES, "+ana")
    wire = connect(ana, ana)
    assert [error.code for error in wire.errors] == ["E_SELF"]


def test_a_peer_is_one_device_on_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever proves one space as one device and another as another is hung up on."""
    ana, ben = books()
    for space in (GROCERIES, WORK):
        ana.take_part(space, "+ana", "+ben", "+cleo")
        ben.take_part(space, "+ana", "+ben", "+cleo")
    cleo = TestBook(CLEO, PEOPLE)
    cleo.ledgers = ben.ledgers
    as_ben, by_ben = ben.claim, ben.sign

    def claim(space: SpaceId) -> Claim | None:
        return cleo.claim(space) if ben.signed else as_ben(space)

    def sign(text: bytes) -> bytes:
        return cleo.sign(text) if ben.signed else by_ben(text)

    monkeypatch.setattr(ben, "claim", claim)
    monkeypatch.setattr(ben, "sign", sign)
    wire = connect(ana, ben)
    assert [(error.code, error.reason) for error in wire.errors] == [
        ("E_STATE", "two devices on one connection")
    ]


def test_a_message_that_a_feature_names_is_passed_over() -> None:
    assert numbers_named(("message-60", "message-x", "colours", "message-7")) == {60, 7}
    ana, ben = books()
    ana.take_part(GROCERIES, "+ana", "+ben")
    ben.take_part(GROCERIES, "+ana", "+ben")
    wire = connect(ana, ben)
    wire.listener._channel.passed_over = numbers_named(("message-60",))
    wire.dialer._channel._writer.put(m.CONTROL, encode([60, "later"]))
    wire.pump()
    assert wire.errors == []
    wire.dialer._channel._writer.put(m.CONTROL, encode([61, "later"]))
    wire.pump()
    assert [error.code for error in wire.errors] == ["E_MESSAGE"]


def test_x1_ancestry_is_answered_64_times_and_no_more() -> None:
    ana, ben = books()
    ana.take_part(GROCERIES, "+cleo", "+ana")
    ben.take_part(GROCERIES, "+cleo", "+ben")
    wire = connect(ana, ben)
    for _ in range(70):
        wire.dialer._channel.send(m.WantCredentials(wire_ch(wire), (bytes(16),)))
    wire.pump()
    assert wire.errors[0].code == "E_LIMIT"


def wire_ch(wire: Wire) -> int:
    assert wire.dialer._sharing is not None
    return next(iter(wire.dialer._sharing._spaces.values())).ch


@pytest.mark.parametrize("state", list(Ours))
@pytest.mark.parametrize("event", list(OurEvent))
def test_own_proof_every_pair_has_a_row_or_closes(state: Ours, event: OurEvent) -> None:
    if event in OURS[state]:
        assert next_ours(state, event) is OURS[state][event]
    else:
        with pytest.raises(PeerError, match=f"own proof in state {state.name}"):
            next_ours(state, event)


@pytest.mark.parametrize("state", list(Theirs))
@pytest.mark.parametrize("event", list(TheirEvent))
def test_peers_proof_every_pair_has_a_row_or_closes(state: Theirs, event: TheirEvent) -> None:
    if event in THEIRS[state]:
        assert next_theirs(state, event) is THEIRS[state][event]
    else:
        with pytest.raises(PeerError, match=f"peer's proof in state {state.name}"):
            next_theirs(state, event)
