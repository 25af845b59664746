"""How does an own transaction become blocks?

Rules:
    A10, 2.4  What does not fit in one block becomes a run of up to 64, all or nothing.
    A5        More than 16 heads: empty blocks first, each naming 16.
    section 3 Deps are all heads, own feed left out.
    H1, H2    Every block has a stamp of its own, greater than all that was seen.
    F5        A signature at least every 256 blocks or 512 KiB; else at `release`.
    F2, F4    A feed is never continued after a doubt: its successor is opened first.
    K5        Written is under the generation that the members say; none: make one first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from kithspace.core.block import (
    CONTINUED,
    LAST,
    MAX_DEPS,
    MAX_PAYLOAD_BYTES,
    MAX_RUN,
    SALT_BYTES,
    Dep,
    Header,
    block_id,
    encode_aad,
    join_header,
    open_record,
    sign_block,
)
from kithspace.core.crypto import NONCE_BYTES, KeyPair, hash_plain
from kithspace.core.document import Document
from kithspace.core.envelope import content_key, seal_body, sealed_size
from kithspace.core.gate.known import Known
from kithspace.core.gate.placing import NEW_RIGHT
from kithspace.core.ids import FeedId, GenerationId, IdentityId, ObjectId
from kithspace.core.payload import Group, Payload, encode_payload
from kithspace.core.payload_reader import decode_payload
from kithspace.core.stamp import Stamp, tick
from kithspace.core.state import State
from kithspace.core.verify import VerifiedBlock, VerifiedOpening, Witness
from kithspace.core.write import w2_repeats
from kithspace.errors import SealError, TooBig

Entropy: TypeAlias = Callable[[int], bytes]

MAX_UNSIGNED: Final = 255
MAX_UNSIGNED_BYTES: Final = 512 * 1_024 - MAX_PAYLOAD_BYTES
MAX_WRITES: Final = 4_096
FIRST: Final = 0
ROTATED: Final = 3


class Author(NamedTuple):
    """Who writes here: one device of an identity."""

    identity: IdentityId
    device: KeyPair
    agree: KeyPair
    app: str


class Draft(NamedTuple):
    """A transaction, every replaced stamp filled in (W3).

    Attributes:
        app: Name of the app that acted.
        groups: One for each object.
        label: Of the transaction.
        undoes: Stamps of the first blocks of the transactions that it undoes.
        grant: Of the app.
        bases: The documents as stored, by id, of the objects that were looked up already;
            None: there is none.
    """

    app: str
    groups: tuple[Group, ...]
    label: str = ""
    undoes: tuple[Stamp, ...] = ()
    grant: bytes | None = None
    bases: Mapping[ObjectId, Document | None] = {}


class Part(NamedTuple):
    """What goes in one block, and its encoded form."""

    payload: Payload
    body: bytes


class Place(NamedTuple):
    """Where the next own block goes."""

    feed: FeedId
    seq: int
    prev: bytes
    unsigned: int
    unsigned_bytes: int


@dataclass(slots=True)
class Sealer:
    """Seals the blocks of one transaction."""

    known: Known
    state: State
    author: Author
    entropy: Entropy
    now_ms: int
    clock: int
    gen: GenerationId
    key: bytes
    place: Place

    def seal(self, draft: Draft) -> list[VerifiedBlock]:
        """Make the blocks of a draft, and the empty ones that A5 asks for."""
        deps = heads_but_own(self.known, self.state, self.place.feed)
        blocks = []
        empty = Payload(draft.app, draft.grant)
        while len(deps) > MAX_DEPS:
            blocks.append(
                self._block(
                    Part(empty, encode_payload(empty, self.place.feed)), deps[:MAX_DEPS], LAST
                )
            )
            deps = deps[MAX_DEPS:]
        payload = Payload(draft.app, draft.grant, draft.label, draft.undoes, draft.groups)
        parts = a10_parts(payload, self.place.feed)
        for index, part in enumerate(parts):
            kind = LAST if index == len(parts) - 1 else CONTINUED
            blocks.append(self._block(part, deps, kind, draft.bases))
            if len(parts) > 1:
                self._check_part(part)
            deps = ()
        return blocks

    def _check_part(self, part: "Part") -> None:
        """Read a part as peers will: what they would refuse (V14) is not acknowledged here.

        Cutting a transaction into blocks is the one place where writes are made up; a transaction
        of one block is sealed as it was checked.

        Raises:
            PayloadError: A mistake of ours; nothing is written.
        """
        stamp = Stamp(self.clock, self.place.feed)
        identity = self.author.identity
        decode_payload(part.body, self.place.feed, self.known.space, identity, stamp)

    def _block(
        self,
        part: "Part",
        deps: tuple[Dep, ...],
        kind: int,
        bases: Mapping[ObjectId, Document | None] | None = None,
    ) -> VerifiedBlock:
        place = self.place
        self.clock = tick(self.clock, self.now_ms)
        nonce, body = self.entropy(NONCE_BYTES), part.body
        aad = encode_aad(kind, place.feed, place.seq, place.prev, deps, self.clock, self.gen)
        sealed = seal_body(self.key, nonce, body, aad)
        digest = hash_plain(sealed)
        record = join_header(aad, len(sealed), digest)
        header = Header(
            kind,
            place.feed,
            place.seq,
            place.prev,
            deps,
            self.clock,
            self.gen,
            len(sealed),
            digest,
        )
        sig = None
        unsigned, size = place.unsigned + 1, place.unsigned_bytes + len(sealed) + len(record)
        if unsigned > MAX_UNSIGNED or size > MAX_UNSIGNED_BYTES:
            sig = sign_block(self.known.space, record, self.author.device)
            unsigned = size = 0
        identifier = block_id(self.known.space, record)
        self.place = Place(place.feed, place.seq + 1, identifier, unsigned, size)
        return VerifiedBlock(
            header,
            record,
            identifier,
            nonce + body,
            sig,
            sig is not None,
            part.payload,
            bases or {},
        )


def seal(
    known: Known, state: State, author: Author, draft: Draft, now_ms: int, entropy: Entropy
) -> list[Witness]:
    """Seal a transaction; the open record of a new feed comes first.

    Raises:
        SealError: The author may not write, or there is no key to write under (K5).
        TooBig: More than 64 blocks.
    """
    gen, generation_key = k5_key(known, state)
    opening, place, clock = _place(known, author, now_ms, entropy)
    key = known.keys.get((gen, place.feed)) or content_key(generation_key, place.feed)
    known.keys[gen, place.feed] = key
    sealer = Sealer(known, state, author, entropy, now_ms, clock, gen, key, place)
    blocks = sealer.seal(draft)
    return [*opening, *blocks]


def k5_key(known: Known, state: State) -> tuple[GenerationId, bytes]:
    """K5: the generation to write under, and its key."""
    chosen = known.chosen
    if chosen is None or chosen[0] is not known.membership:
        rows = state.keys()
        keys = {GenerationId(row.gen): row.content for row in rows if row.content}
        gen = known.membership.choose_generation(keys)
        if gen is None:
            raise SealError("generation")
        chosen = known.chosen = (known.membership, gen, keys[gen] or b"")
    return chosen[1], chosen[2]


def _place(
    known: Known, author: Author, now_ms: int, entropy: Entropy
) -> tuple[list[Witness], Place, int]:
    reason = reason_for_new_feed(known, author)
    if reason is None:
        feed = known.feeds[known.own]
        unsigned = feed.length - feed.signed
        return (
            [],
            Place(FeedId(feed.id), feed.length, feed.head, unsigned, known.own_bytes),
            known.clock,
        )
    auth = known.membership.auth_for(author.identity)
    if auth is None:
        raise SealError("right")
    time = tick(known.clock, now_ms)
    opening = open_record(
        known.space, author.identity, author.device, auth, entropy(SALT_BYTES), time, reason
    )
    return [VerifiedOpening(opening)], Place(opening.id, 1, opening.id, 0, 0), time


def reason_for_new_feed(known: Known, author: Author) -> int | None:
    """Why the own feed cannot be continued; None: it can (F2, F4)."""
    if not known.own:
        return FIRST if known.own_reason is None else known.own_reason
    if known.own_reason is not None:
        return known.own_reason
    if known.checked_own is not known.membership:
        opening = known.opening(known.own)
        if opening.device != author.device.public:
            return ROTATED
        if not known.membership.cuts(opening).is_open:
            return NEW_RIGHT
        known.checked_own = known.membership
    return None


def heads_but_own(known: Known, state: State, own: FeedId) -> tuple[Dep, ...]:
    """The heads of all other feeds, sorted."""
    deps = []
    for n in known.tips:
        feed = known.feeds[n]
        root = known.opening(n).id
        if root == own or not feed.applied:
            continue
        seq = feed.applied - 1
        head = feed.head if feed.applied == feed.length else state.id_at(n, seq)
        if head is not None:
            deps.append(Dep(root, seq, head))
    return tuple(sorted(deps))


def a10_parts(payload: Payload, feed: FeedId) -> list[Part]:
    """Cut a transaction into what fits in a block; label and undoes go with the first.

    Raises:
        TooBig: It would be more than 64 blocks.
    """
    parts: list[Part] = []
    todo = [payload]
    while todo:
        part = todo.pop()
        writes = sum(len(group.writes) for group in part.groups)
        if writes <= MAX_WRITES and not w2_repeats(part.groups):
            body = encode_payload(part, feed)
            if sealed_size(len(body)) <= MAX_PAYLOAD_BYTES:
                parts.append(Part(part, body))
                continue
        if writes < 2 or len(parts) + len(todo) >= MAX_RUN:
            raise TooBig.transaction(_size(payload, feed))
        todo += reversed(_halves(part))
    return parts


def _halves(part: Payload) -> tuple[Payload, Payload]:
    """Cut a payload in two, between objects, or between the writes of its only one."""
    groups = part.groups
    left, right = groups[: len(groups) // 2], groups[len(groups) // 2 :]
    if not left:
        writes, middle = groups[0].writes, len(groups[0].writes) // 2
        left = (groups[0]._replace(writes=writes[:middle]),)
        right = (groups[0]._replace(writes=writes[middle:]),)
    return part._replace(groups=left), Payload(part.app, part.grant, groups=right)


def _size(payload: Payload, feed: FeedId) -> int:
    return sum(
        len(encode_payload(payload._replace(groups=(group,)), feed)) for group in payload.groups
    )
