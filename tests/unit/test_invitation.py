"""Somebody comes in by a code, a link, or as a device: two machines against each other."""

from dataclasses import dataclass, field

import pytest
from mnemonic import Mnemonic

from kithspace.core import crypto
from kithspace.core.identity import AddDevice, Device, SignedEntry, entry_bytes, entry_id
from kithspace.core.ids import DeviceKey, GenerationId, IdentityId, SpaceId
from kithspace.errors import PeerError
from kithspace.protocol import invitation as i
from kithspace.protocol import messages as m
from kithspace.protocol.invitation import TRANSITIONS, State, Step, Walker
from kithspace.protocol.inviter import Inviter
from kithspace.protocol.joiner import Joiner, j6_invite_keys
from kithspace.protocol.pake import Role
from kithspace.protocol.sharing_events import SpaceReady
from kithspace.protocol.words import Code, Link, WordList, j4_check_words
from tests.wire import Person, TestBook, Wire, seeded, space_named

ANA, BEN, CLEO = Person("ana"), Person("ben"), Person("cleo")
PEOPLE = [ANA, BEN, CLEO]
GROCERIES, HOME = space_named("groceries"), space_named("home")
CODE = Code("7", ("marble", "salad", "tiger"))
WRONG = Code("7", ("marble", "salad", "zoo"))
INVITE = bytes(range(32))
LINK = Link(b"s" * 32, INVITE[:16])
GENERATION = GenerationId(bytes(16))


@dataclass
class Host:
    """The inviter's vault: one code, three tries, and what was answered."""

    code: Code = CODE
    role: str = "writer"
    tries_left: int = 3
    used_by: IdentityId | None = None
    log: list[str] = field(default_factory=list)
    is_slow: bool = False

    @property
    def space(self) -> SpaceId:
        return HOME if self.role == "device" else GROCERIES

    def preview(self) -> m.Preview:
        return m.Preview(self.space, INVITE, self.role, "Groceries", "Ana", 2, "all")

    def answer(self, session: Inviter, event: i.InvitationEvent) -> None:
        self.log.append(type(event).__name__)
        match event:
            case i.TryWanted(nameplate=nameplate):
                self.answer_try(session, nameplate)
            case i.CodeRight():
                self.tries_left += 1
                session.offer(self.preview())
            case i.Knocked(invite_key=key):
                known = j6_invite_keys(LINK.seed).public
                if key == known:
                    session.offer(self.preview())
                else:
                    session.refuse("unknown")
            case i.Introduced(identity=identity):
                self.answer_introduced(session, identity)
            case i.DeviceOffered(sign=sign, agree=agree):
                body = AddDevice(Device(DeviceKey(sign), agree))
                parents = [entry_id(ANA.entries[0][0])]
                session.draft(entry_bytes(ANA.identity, parents, ANA.key, body))
            case i.EntrySigned():
                session.admit(self.welcome())
            case _:
                pass

    def answer_try(self, session: Inviter, nameplate: str) -> None:
        if nameplate != self.code.nameplate:
            session.refuse("unknown")
        elif not self.tries_left:
            session.refuse("wrong", 0)
        else:
            self.tries_left -= 1
            session.try_taken(b"code", self.code.password, self.tries_left)

    def answer_introduced(self, session: Inviter, identity: IdentityId) -> None:
        if self.used_by not in (None, identity):
            session.refuse("used")
            return
        if self.used_by is None:
            self.log.append("admitted")
        self.used_by = identity
        session.admit(self.welcome())

    def welcome(self) -> m.Welcome:
        entries = tuple((raw, sigs) for raw, sigs in ANA.entries)
        spaces = (HOME, GROCERIES) if self.role == "device" else (GROCERIES,)
        return m.Welcome(self.space, tuple((s, GENERATION, b"sealed") for s in spaces), entries)


class Party:
    """An inviter and a joiner, each with a book, and what they do when told."""

    def __init__(self, host: Host, by: Code | Link, who: Person = BEN, name: str = "one") -> None:
        self.host, self.who = host, who
        self.ana = TestBook(ANA, PEOPLE)
        self.ben = TestBook(who, PEOPLE)
        self.ana.take_part(GROCERIES, "+ana")
        self.wire = Wire(self.ben, self.ana, by=by, is_inviting=True, name=name)
        self.told: list[i.InvitationEvent] = []
        self.checks: set[bytes] = set()
        self.device = crypto.sign_keypair(b"d" * 32)

    def run(self, limit: int = 10_000) -> None:
        """Carry messages and answer events, until nothing more happens."""
        seen = [0, 0]
        while True:
            self.wire.pump(limit)
            todo = [self.wire.events[number][seen[number] :] for number in (0, 1)]
            if not any(todo):
                return
            for number in (0, 1):
                seen[number] += len(todo[number])
                for event in todo[number]:
                    self._answer(number, event)

    def _answer(self, number: int, event: object) -> None:
        if not isinstance(event, i.InvitationEvent):
            return
        if isinstance(event, i.Introduced | i.DeviceOffered | i.Previewed):
            self.checks.add(event.check)
        if number == 1:
            self._host(event)
        else:
            self.told.append(event)
            self._guest(event)

    def _host(self, event: i.InvitationEvent) -> None:
        session = self.wire.listener.invitation
        assert isinstance(session, Inviter)
        self.host.answer(session, event)
        if isinstance(event, i.Introduced) and self.host.used_by == event.identity:
            self.ana.ledgers[GROCERIES].add("+" + self.who.name)

    def _guest(self, event: i.InvitationEvent) -> None:
        session = self.wire.dialer.invitation
        assert isinstance(session, Joiner)
        match event:
            case i.Previewed(preview=preview):
                if preview.role == "device":
                    session.accept_as_device(self.device.public, b"a" * 32)
                else:
                    who = self.who
                    session.accept(who.entries, who.device, who.identity, who.name, None)
            case i.EntryToSign(body=body):
                session.sign(crypto.sign(self.device.secret, "ks1/ident", body))
            case i.Welcomed(preview=preview):
                self.ben.take_part(preview.space)
                self.wire.dialer.joined(preview.space, self.wire.now_ms)
            case _:
                pass

    @property
    def failure(self) -> i.InvitationFailed | None:
        failed = [event for event in self.told if isinstance(event, i.InvitationFailed)]
        return failed[0] if failed else None

    @property
    def is_in(self) -> bool:
        return bool(self.wire.of(0, SpaceReady)) and bool(self.wire.of(1, SpaceReady))


def test_j2_who_has_the_code_joins_and_the_space_opens_on_channel_0() -> None:
    party = Party(Host(), CODE)
    party.run()
    assert party.is_in
    assert party.host.log == ["TryWanted", "CodeRight", "Introduced", "admitted"]
    ready = party.wire.of(0, SpaceReady)[0]
    assert isinstance(ready, SpaceReady)
    assert (ready.ch, ready.device) == (0, ANA.key)
    assert party.wire.errors == []


def test_j4_both_sides_see_the_same_two_check_words() -> None:
    party = Party(Host(), CODE)
    party.run()
    (check,) = party.checks
    assert len(j4_check_words(check, WordList(Mnemonic("english").wordlist))) == 2


def test_j3_a_wrong_code_is_counted_and_told_to_both() -> None:
    party = Party(Host(), WRONG)
    party.run()
    assert party.failure == i.InvitationFailed("wrong", 2)
    assert party.host.tries_left == 2
    assert party.wire.listener.is_closed
    assert party.wire.dialer.is_closed


def test_j1_an_unknown_nameplate_is_told() -> None:
    party = Party(Host(), Code("8", CODE.words))
    party.run()
    assert party.failure == i.InvitationFailed("unknown", 0)


def test_j4_a_used_code_answers_the_same_identity_again_without_a_new_admit() -> None:
    host = Host()
    for name in ("one", "two"):
        party = Party(host, CODE, name=name)
        party.run()
        assert party.is_in
    assert host.log.count("admitted") == 1


def test_j4_a_used_code_is_refused_to_anybody_else() -> None:
    host = Host()
    Party(host, CODE).run()
    other = Party(host, CODE, CLEO, name="two")
    other.run()
    assert other.failure == i.InvitationFailed("used", 0)


def test_j6_who_has_the_link_joins() -> None:
    party = Party(Host(), LINK)
    party.run()
    assert party.is_in
    assert party.host.log == ["Knocked", "Introduced", "admitted"]


def test_j6_a_joiner_refuses_another_invite_than_the_link_names() -> None:
    party = Party(Host(), Link(LINK.seed, bytes(16)))
    party.run()
    assert [error.code for error in party.wire.errors] == ["E_STATE"]
    assert "Introduced" not in party.host.log


def test_j6_an_unknown_link_is_told() -> None:
    party = Party(Host(), Link(b"x" * 32, INVITE[:16]))
    party.run()
    assert party.failure == i.InvitationFailed("unknown", 0)


def test_j5_a_device_signs_the_entry_that_adds_it() -> None:
    party = Party(Host(role="device"), CODE)
    party.ana.take_part(HOME, "+ana", "+ben")
    party.run()
    assert party.host.log == ["TryWanted", "CodeRight", "DeviceOffered", "EntrySigned"]
    (welcomed,) = [event for event in party.told if isinstance(event, i.Welcomed)]
    assert [space for space, _, _ in welcomed.keys] == [HOME, GROCERIES]


def test_j5_a_device_does_not_sign_for_other_keys() -> None:
    host = Host(role="device")
    party = Party(host, CODE)
    joiner = Joiner(CODE, bytes(32), party.wire.dialer.side, seeded("joiner"))
    joiner.state = State.DRAFTING
    joiner._device = (b"k" * 32, b"a" * 32)
    body = AddDevice(Device(DeviceKey(b"e" * 32), b"a" * 32))
    drafted = entry_bytes(ANA.identity, [bytes(32)], ANA.key, body)
    with pytest.raises(PeerError, match="other keys"):
        joiner.receive(m.Entry(drafted, None))


def test_j4_an_introduction_for_another_connection_is_refused() -> None:
    inviter = Inviter("7", b"h" * 32, Party(Host(), CODE).wire.listener.side, seeded("x"))
    inviter.state = State.OFFERING
    inviter._preview = Host().preview()
    text = b"other" * 8 + b"\0" + GROCERIES + BEN.identity
    signature = crypto.sign(BEN.device.secret, "ks1/hello", text)
    entries = tuple((raw, sigs) for raw, sigs in BEN.entries)
    with pytest.raises(PeerError, match="not signed by its device"):
        inviter.receive(m.Introduce(entries, BEN.key, signature, "Ben", None))


def test_j4_a_device_that_is_not_of_the_identity_is_refused() -> None:
    entries = [(raw, sigs) for raw, sigs in BEN.entries]
    with pytest.raises(PeerError, match="not a live one"):
        i.read_identity(entries, CLEO.key)
    forged = [(BEN.entries[0][0], (bytes(64),))]
    with pytest.raises(PeerError, match="badly signed"):
        i.read_identity(forged, BEN.key)
    with pytest.raises(PeerError, match="wrong shape"):
        i.read_identity([(b"\x80", (bytes(64),))], BEN.key)


@pytest.mark.parametrize("by", [CODE, LINK])
def test_a_cut_after_each_message_leaves_the_code_good(by: Code | Link) -> None:
    """The line breaks after n messages; trying again always gets in, with one admit."""
    whole = Party(Host(), by)
    whole.run()
    for cut in range(whole.wire.carried):
        host = Host()
        party = Party(host, by)
        party.run(limit=cut)
        again = Party(host, by, name="again")
        again.run()
        assert again.is_in, cut
        assert host.log.count("admitted") == 1, cut
        assert host.tries_left >= 2, cut


def test_an_invitation_ends_after_60_s() -> None:
    party = Party(Host(), CODE)
    party.wire.pump()
    for _ in range(6):
        party.wire.pass_time(9_990)
    assert not party.wire.listener.is_closed
    party.wire.pass_time(100)
    assert party.wire.listener.is_closed


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize(
    ("role", "state"), [(role, state) for role, table in TRANSITIONS.items() for state in table]
)
def test_every_state_and_event_has_a_row_or_closes(role: Role, state: State, step: Step) -> None:
    walker = Walker(role)
    walker.state = state
    row = TRANSITIONS[role][state]
    if step in row:
        walker.step(step)
        assert walker.state is row[step]
    else:
        with pytest.raises(PeerError) as caught:
            walker.step(step)
        assert caught.value.reason == f"{role.name.lower()} in {state.name} cannot take {step.name}"


def test_every_state_of_a_role_can_be_reached_and_fails_safely() -> None:
    for role, table in TRANSITIONS.items():
        reached = {State.WAITING}
        for row in table.values():
            reached |= set(row.values())
        assert reached == set(table), role
        for state, row in table.items():
            assert state in i.FINAL or row[Step.REFUSE] is State.FAILED


def test_signed_entries_travel_as_they_are() -> None:
    party = Party(Host(), CODE)
    party.run()
    (welcomed,) = [event for event in party.told if isinstance(event, i.Welcomed)]
    assert welcomed.entries == tuple(SignedEntry(*entry) for entry in ANA.entries)
