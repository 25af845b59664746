"""Two sessions with a wire between them, under a clock that only tests move."""

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from kithspace.core import crypto
from kithspace.core.crypto import KeyPair
from kithspace.core.identity import SignedEntry, entry_id, found_identity
from kithspace.core.ids import DeviceKey, GenerationId, IdentityId, SpaceId
from kithspace.errors import PeerError
from kithspace.protocol.matching import AccessKey
from kithspace.protocol.messages import SignedRecord
from kithspace.protocol.noise import Side
from kithspace.protocol.proofs import Accepted, Claim, Refused, Unknown, Verdict
from kithspace.protocol.session import Session, SessionEvent
from kithspace.protocol.words import Code, Link

START_MS = 1_800_000_000_000


def seeded(name: object) -> Callable[[int], bytes]:
    """Random bytes that are the same in every run."""
    counter = itertools.count()

    def draw(size: int) -> bytes:
        seed = f"{name}/{next(counter)}".encode()
        return hashlib.shake_256(seed).digest(size)

    return draw


@dataclass
class Person:
    """Somebody with one device."""

    name: str
    device: KeyPair = field(init=False)
    agree: KeyPair = field(init=False)
    entries: tuple[SignedEntry, ...] = field(init=False)
    identity: IdentityId = field(init=False)

    def __post_init__(self) -> None:
        draw = seeded(self.name)
        self.device = crypto.sign_keypair(draw(32))
        self.agree = crypto.agree_keypair(draw(32))
        genesis = found_identity(self.device, self.agree.public, draw)
        self.entries = (genesis,)
        self.identity = IdentityId(entry_id(genesis[0]))

    @property
    def key(self) -> DeviceKey:
        return DeviceKey(self.device.public)


def space_named(name: str) -> SpaceId:
    return SpaceId(hashlib.sha256(name.encode()).digest())


def key_of(space: SpaceId, number: int = 1) -> AccessKey:
    """The access key of a space's n-th generation."""
    generation = GenerationId(hashlib.sha256(space + bytes([number])).digest()[:16])
    return AccessKey(space, generation, number, hashlib.sha256(b"access" + generation).digest())


def record(name: str) -> SignedRecord:
    """A credential, as far as a session looks at it."""
    return (name.encode(), bytes(64))


def record_id(one: SignedRecord) -> bytes:
    return crypto.hash_of("ks1/cred", one[0])


@dataclass
class Ledger:
    """One space in a vault: who is a member, told by a list of credentials in order.

    A credential "+name" makes somebody a member, "-name" ends it; each leans on the ones before.
    """

    space: SpaceId
    records: list[SignedRecord] = field(default_factory=list)

    def heads(self) -> tuple[bytes, ...]:
        return (record_id(self.records[-1]),) if self.records else ()

    def ids(self) -> set[bytes]:
        return {record_id(one) for one in self.records}

    def stands(self, name: str) -> bool:
        marks = [body for body, _ in self.records if body[1:] == name.encode()]
        return bool(marks) and marks[-1][:1] == b"+"

    def was_ever(self, name: str) -> bool:
        return any(body[1:] == name.encode() for body, _ in self.records)

    def add(self, *names: str) -> None:
        self.records.extend(record(name) for name in names)


class TestBook:
    """A vault, as a session sees it: keys, and a ledger for each space."""

    __test__ = False

    def __init__(self, who: Person, people: list[Person]) -> None:
        self.who = who
        self.people = {person.identity: person for person in people}
        self.keys: list[AccessKey] = []
        self.ledgers: dict[SpaceId, Ledger] = {}
        self.left: set[SpaceId] = set()
        self.signed: list[bytes] = []

    def take_part(self, space: SpaceId, *names: str, numbers: tuple[int, ...] = (1,)) -> Ledger:
        self.keys += [key_of(space, number) for number in sorted(numbers, reverse=True)]
        self.ledgers[space] = Ledger(space)
        self.ledgers[space].add(*names)
        return self.ledgers[space]

    def access_keys(self) -> list[AccessKey]:
        return self.keys

    def claim(self, space: SpaceId) -> Claim | None:
        if space in self.left or space not in self.ledgers:
            return None
        heads = self.ledgers[space].heads()
        return Claim(self.who.identity, self.who.key, (bytes(32),), heads)

    def sign(self, message: bytes) -> bytes:
        self.signed.append(message)
        return crypto.sign(self.who.device.secret, "ks1/hello", message)

    def judge(self, space: SpaceId, claim: Claim) -> Verdict:
        ledger = self.ledgers[space]
        person = self.people.get(claim.identity)
        name = person.name if person else ""
        if ledger.stands(name) and person is not None and person.key == claim.device:
            return Accepted()
        lacking = tuple(sorted(set(claim.credential_heads) - ledger.ids()))
        if lacking:
            return Unknown(lacking)
        return Refused("removed" if ledger.was_ever(name) else "refused", ledger.was_ever(name))

    def ancestry(
        self, space: SpaceId, wanted: tuple[bytes, ...], known: tuple[bytes, ...], max_bytes: int
    ) -> tuple[SignedRecord, ...]:
        records = self.ledgers[space].records
        start = max((n + 1 for n, one in enumerate(records) if record_id(one) in known), default=0)
        return tuple(records[start:])

    def take_in(self, space: SpaceId, records: tuple[SignedRecord, ...]) -> None:
        ledger = self.ledgers[space]
        ledger.records += [one for one in records if record_id(one) not in ledger.ids()]


class Wire:
    """A dialer and a listener. `pump` carries messages until nobody has anything to say."""

    def __init__(
        self,
        dialer: TestBook,
        listener: TestBook,
        *,
        by: Code | Link | None = None,
        is_inviting: bool = False,
        name: str = "wire",
    ) -> None:
        self.now_ms = START_MS
        self.books = (dialer, listener)
        draw = seeded(name)
        self.dialer = Session(Side.DIALER, "ws", dialer, draw, self.now_ms, by=by)
        self.listener = Session(
            Side.LISTENER, "ws", listener, draw, self.now_ms, is_inviting=is_inviting
        )
        self.ends = (self.dialer, self.listener)
        self.events: tuple[list[SessionEvent], list[SessionEvent]] = ([], [])
        self.sent: tuple[list[bytes], list[bytes]] = ([], [])
        self.errors: list[PeerError] = []
        self.carried = 0

    def pump(self, limit: int = 10_000) -> None:
        """Carry up to `limit` messages; react to nothing."""
        while self.carried < limit and (self._carry(0, limit) | self._carry(1, limit)):
            pass
        self.gather()

    def _carry(self, number: int, limit: int) -> bool:
        moved = False
        while self.carried < limit and (messages := self.ends[number].data_to_send()):
            for message in messages:
                moved = True
                self.sent[number].append(message)
                self.carried += 1
                self.deliver(1 - number, message)
        return moved

    def deliver(self, number: int, message: bytes) -> None:
        try:
            self.ends[number].receive_data(message, self.now_ms)
        except PeerError as error:
            self.errors.append(error)

    def gather(self) -> None:
        for number in (0, 1):
            self.events[number].extend(self.ends[number].events_received())

    def pass_time(self, milliseconds: int) -> None:
        """Let time pass, stopping at every deadline."""
        end = self.now_ms + milliseconds
        while True:
            times = [end.next_deadline() for end in self.ends]
            due = min((one for one in times if one is not None), default=end + 1)
            if due > end:
                break
            self.now_ms = max(due, self.now_ms)
            for session in self.ends:
                try:
                    session.time_passed(self.now_ms)
                except PeerError as error:
                    self.errors.append(error)
            self.pump()
        self.now_ms = end

    def of(self, number: int, kind: type) -> list[SessionEvent]:
        return [event for event in self.events[number] if isinstance(event, kind)]
