"""A space with members, and nodes that hold a replica of it in memory: for tests of the gate."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.block import (
    Dep,
    block_id,
    complete_header,
    encode_aad,
    open_record,
    sign_block,
)
from kithspace.core.codec import Value
from kithspace.core.credential import Head, Signed, credential_id
from kithspace.core.document import Document
from kithspace.core.effects import Changed, Effects, PutFeed
from kithspace.core.envelope import content_key, seal_body
from kithspace.core.fold import Membership, generation_id
from kithspace.core.gate.drafting import Author, Draft
from kithspace.core.generation import access_key, make_generation
from kithspace.core.ids import BlockId, CredentialId, GenerationId, IdentityId, ObjectId, SpaceId
from kithspace.core.payload import Group, Payload, Segment, encode_payload
from kithspace.core.replica import Replica
from kithspace.core.state import WireBlock
from kithspace.core.value import ROOT
from kithspace.core.verify import Verified
from kithspace.core.write import make_write
from tests.people import START_MS, Drawn, Hands, Person, Stage

TYPE = "todo.Task"
NOW = START_MS + 10_000_000


@dataclass
class World:
    """Who is in a space, and the credentials that say so."""

    stage: Stage = field(default_factory=Stage)
    people: dict[str, Person] = field(default_factory=dict)
    credentials: list[Signed] = field(default_factory=list)
    keys: dict[GenerationId, bytes] = field(default_factory=dict)
    made: int = 0

    @classmethod
    def make(cls, roles: Mapping[str, str], founder: str = "Ana") -> "World":
        """Ana founds; the others are admitted with these roles; one key for all."""
        world = cls(Stage(Person(founder)))
        world.people[founder] = world.stage.founder
        world.credentials.append(world.stage.genesis)
        for name, role in roles.items():
            world.people[name] = Person(name)
            world.sign(world.stage.admit, world.ana, world.people[name], role)
        world.rotate()
        return world

    @property
    def ana(self) -> Person:
        """The founder."""
        return self.stage.founder

    @property
    def membership(self) -> Membership:
        """With all credentials of the world."""
        membership = Membership.found(self.credentials[0])
        return membership.add(self.credentials[1:])[0]

    def sign(self, make, *args, **kw) -> Signed:  # type: ignore[no-untyped-def]
        """Sign on top of all that is known, and know it too."""
        by_id = {credential_id(one.raw): one for one in self.credentials}
        heads = [by_id[head] for head in self.membership.heads]
        signed: Signed = make(*args, *heads, **kw)
        self.credentials.append(signed)
        return signed

    def rotate(self) -> GenerationId:
        """A new key generation, by Ana."""
        made = make_generation(self.membership, {}, "first", Drawn(f"key {len(self.keys)}"))
        signed = self.sign(self.stage.act, self.ana, made.body)
        generation = generation_id(credential_id(signed.raw))
        self.keys[generation] = made.gen_key
        return generation

    def node(self, name: str, hands: Hands | None = None, *, has_keys: bool = True) -> "Node":
        """A node of a person that has all credentials."""
        node = Node(self, self.people[name], hands or self.people[name].hands)
        node.run(node.replica.admit(self.credentials[1:], node.state, NOW))
        if has_keys:
            node.take_keys()
        return node


class Node:
    """A replica and its store; what an engine does, without locks."""

    def __init__(self, world: World, person: Person, hands: Hands) -> None:
        self.world = world
        self.person = person
        self.store = MemoryStore()
        world.made += 1
        self.entropy = Drawn(f"{person.name} {world.made}")
        self.author = Author(person.id, hands.sign, hands.agree, "test")
        self.changed: list[Changed] = []
        self.sent: list[object] = []
        self.refused: list[str] = []
        self.now = NOW
        self.replica, effects = Replica.found(world.credentials[0], self.author)
        self.run(effects)

    @property
    def state(self):  # type: ignore[no-untyped-def]
        return self.store.state()

    def run(self, effects: Effects) -> Effects:
        """Write, then adopt."""
        self.store.commit(effects.persist)
        self.replica.adopt(effects.after)
        self.changed += effects.changed
        self.sent += effects.send
        self.refused += [refused.code for refused in effects.refused]
        check_prefixes(self)
        return effects

    def restart(self) -> None:
        """Begin again from the store."""
        self.replica = Replica.restore(self.replica.space, self.state, self.author)

    def copy(self) -> "Node":
        """A restored backup of this node: it goes on in the same feed, and knows no better."""
        other = self.world.node(self.person.name, Hands(self.author.device, self.author.agree))
        other.pull(self)
        known = other.replica._known
        known.own, known.own_reason = known.numbers[self.own], None
        return other

    def take_keys(self) -> None:
        for generation, key in self.world.keys.items():
            access = access_key(key, self.replica.space)
            self.run(self.replica.give_key(generation, key, access, self.state, self.now))

    def admit(self, *credentials: Signed) -> Effects:
        return self.run(self.replica.admit(credentials, self.state, self.now))

    # ------------------------------------------------------------ own writes

    def get(self, object_id: ObjectId) -> Document | None:
        row = self.state.object(object_id)
        return None if row is None else Document.load(row, self.replica.numbers, self.state)

    def read(self, object_id: ObjectId) -> Document:
        """An object that is there."""
        document = self.get(object_id)
        assert document is not None
        return document

    def draft(self, *writes: tuple[ObjectId, Sequence[Segment], Value]) -> Draft:
        """One group for each object, with what is replaced filled in."""
        groups: dict[ObjectId, list] = {}  # type: ignore[type-arg]
        for object_id, path, value in writes:
            document = self.get(object_id)
            probe = make_write(path, value)
            replaced = document.replaced(probe.key, value) if document else ()
            groups.setdefault(object_id, []).append(probe._replace(replaced=tuple(replaced)))
        made = tuple(Group(0, object_id, 1, tuple(each)) for object_id, each in groups.items())
        return Draft("test", made)

    def write(self, *writes: tuple[ObjectId, Sequence[Segment], Value]) -> Effects:
        """Commit a transaction."""
        return self.commit(self.draft(*writes))

    def commit(self, draft: Draft) -> Effects:
        witnesses = self.replica.seal(draft, self.state, self.now, self.entropy)
        return self.run(self.replica.apply(witnesses, self.state, self.now))

    def create(self, name: str, **fields: Value) -> ObjectId:
        object_id = object_of(name)
        flat = tuple(part for pair in sorted(fields.items()) for part in pair)
        self.write((object_id, (), (ROOT, TYPE, flat)))
        return object_id

    def release(self) -> None:
        self.run(self.replica.release(self.state))

    # ------------------------------------------------------------ messages

    def feed(self, feed: bytes) -> PutFeed:
        found = self.state.feed(feed)
        assert isinstance(found, PutFeed)
        return found

    def blocks(self, feed: bytes, first: int = 0, end: int | None = None) -> list[WireBlock]:
        """What it would send of a feed."""
        row = self.feed(feed)
        return self.store.blocks(row.n, first, row.released if end is None else end)

    def parts(self, feed: bytes) -> list[list[WireBlock]]:
        """What it would send of a feed, cut at every signature."""
        parts: list[list[WireBlock]] = [[]]
        for block in self.blocks(feed):
            parts[-1].append(block)
            if block[2] is not None:
                parts.append([])
        return parts[:-1]

    def everything(self) -> list[list[WireBlock]]:
        """All that may be sent, one part for each feed."""
        return [self.blocks(row.id) for row in self.state.feeds() if row.length]

    def verify(self, message: Iterable[WireBlock]) -> Verified:
        verified = self.replica.verify(list(message), self.state, self.now)
        self.refused += [refused.code for refused in verified.refused]
        return verified

    def receive(self, message: Iterable[WireBlock]) -> Effects:
        verified = self.verify(message)
        return self.run(self.replica.apply(verified.blocks, self.state, self.now))

    def pull(self, other: "Node") -> Effects:
        """Take all that another node may send."""
        other.release()
        return self.receive([block for part in other.everything() for block in part])

    # ------------------------------------------------------------ what is there

    @property
    def own(self) -> bytes:
        feed = self.replica.own_feed
        assert feed is not None
        return feed

    def heads(self) -> dict[bytes, tuple[int, bytes]]:
        """Length and head of every feed and branch that counts."""
        return {row.id: (row.length, row.head) for row in self.state.feeds() if row.length}

    def documents(self) -> dict[bytes, object]:
        """Everything that is seen, and every cell's heads."""
        found: dict[bytes, object] = {}
        for row in self.state.objects():
            document = Document.load(row, self.replica.numbers, self.state)
            found[row.id] = (document.type, document.live, json.loads(row.doc), document.cell())
        return found

    def head(self, feed: bytes, seq: int) -> Head:
        """A cut's entry for a block."""
        row = self.feed(feed)
        block = self.state.id_at(row.n, seq)
        assert block is not None
        return Head(feed, seq, BlockId(block))


def object_of(name: str) -> ObjectId:
    """A shared object's id."""
    raw = Drawn("object " + name)(16)
    return ObjectId(bytes((raw[0] & 0x7F,)) + raw[1:])


def check_prefixes(node: Node) -> None:
    """F5: a stored feed of another ends at a checked signature, if no cut or fork ends it."""
    cut = set(node.state.held_feeds())
    for row in node.state.feeds():
        mine = node.replica.author_of(row.id)
        is_forked = any(other.branch_of == row.n for other in node.state.feeds())
        if (
            row.length < 2
            or row.id in cut
            or is_forked
            or (mine and mine[1] == node.author.device.public)
        ):
            continue
        last = node.state.block(row.n, row.length - 1)
        assert row.signed == row.length
        assert last is None or last.sig is not None


class Forger:
    """Makes blocks by hand, as a device may that keeps no rule."""

    def __init__(
        self, node: Node, reason: int = 0, opened_ms: int | None = None, **fields: bytes
    ) -> None:
        self.node = node
        self.space = node.replica.space
        (self.gen, self.gen_key), *_ = node.world.keys.items()
        auth = node.replica.membership.auth_for(node.person.id) or CredentialId(bytes(32))
        self.opening = open_record(
            SpaceId(fields.get("space", self.space)),
            IdentityId(fields.get("identity", node.person.id)),
            node.author.device,
            CredentialId(fields.get("auth", auth)),
            node.entropy(16),
            (node.now if opened_ms is None else opened_ms) << 16,
            reason,
        )
        self.feed = self.opening.id

    @property
    def open(self) -> WireBlock:
        return (self.opening.record, None, self.opening.sig)

    def body(self, *groups: Group) -> bytes:
        return encode_payload(Payload("forger", groups=groups), self.feed)

    def block(
        self,
        seq: int,
        prev: bytes,
        body: bytes | None = None,
        *,
        kind: int = 1,
        deps: Sequence[Dep] = (),
        time: int | None = None,
        sealed: bytes | None = None,
        is_signed: bool = True,
    ) -> "Forged":
        """One block; by default with an empty payload and a time that follows from its number."""
        time = (self.node.now << 16) + seq if time is None else time
        aad = encode_aad(kind, self.feed, seq, prev, tuple(deps), time, self.gen)
        if sealed is None:
            key = content_key(self.gen_key, self.feed)
            sealed = seal_body(
                key, self.node.entropy(24), self.body() if body is None else body, aad
            )
        record = complete_header(aad, sealed)
        sig = sign_block(self.space, record, self.node.author.device) if is_signed else None
        return Forged(record, sealed, sig, block_id(self.space, record))


class Forged(NamedTuple):
    """A block made by hand."""

    record: bytes
    payload: bytes
    sig: bytes | None
    id: BlockId

    @property
    def wire(self) -> WireBlock:
        return (self.record, self.payload, self.sig)
