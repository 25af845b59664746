"""What is this node's copy of a space, and what does everything that comes do to it?

The replica is the gate's front. Every method that changes something gives `Effects` and changes
nothing; `adopt` takes their `after` over, once their rows are on disk (B5). Two of them are never
worked out at the same time: each has to be adopted, or thrown away, before the next is asked for.

Rules:
    G1   `Effects` is the only result.
    G2   `verify` gives witnesses, `apply` takes those of several feeds in any order, in one
         transaction. Applying twice has no effect.
    F5   Own blocks are signed by `release`, which announces them.
    X12, E_KEY  What came before its key is applied when the key comes.
    The numbered steps V1-V14 are in `core/verify`, `gate/storing`, `gate/placing`, `gate/applying`.
"""

from collections.abc import Iterable, Sequence

from kithspace.core.block import sign_block
from kithspace.core.credential import Cut, Head, Signed
from kithspace.core.effects import (
    After,
    Announce,
    Effects,
    PutCredential,
    PutFeed,
    PutKey,
    Row,
    Send,
)
from kithspace.core.envelope import content_key, read_clear, wire_of
from kithspace.core.fold import Membership
from kithspace.core.gate.admitting import admit
from kithspace.core.gate.applying import advance
from kithspace.core.gate.drafting import Author, Draft, Entropy, reason_for_new_feed, seal
from kithspace.core.gate.effect import finish
from kithspace.core.gate.known import Known
from kithspace.core.gate.ledger import Ledger
from kithspace.core.gate.placing import place, take, take_own
from kithspace.core.gate.storing import Selection
from kithspace.core.ids import BlockId, DeviceKey, FeedId, GenerationId, IdentityId, SpaceId
from kithspace.core.state import State, WireBlock
from kithspace.core.verify import Inspection, Verified, VerifiedBlock, Witness
from kithspace.errors import SealError


class Replica:
    """One node's copy of one space; for one author, or for none (a blind keeper)."""

    def __init__(self, known: Known, author: Author | None) -> None:
        self._known = known
        self._author = author

    @classmethod
    def restore(cls, space: SpaceId, state: State, author: Author | None) -> "Replica":
        """Read a replica from the store, without its history."""
        stored = (Signed(row.record, row.sig) for row in state.credentials())
        return cls(Known.restore(space, Membership.load(space, stored), state), author)

    @classmethod
    def found(cls, genesis: Signed, author: Author | None) -> tuple["Replica", Effects]:
        """Begin a space, or join one, with its genesis credential alone.

        Raises:
            CodecError: It is no genesis, or not an authentic one.
        """
        membership = Membership.found(genesis)
        rows = (PutCredential(*row) for row in membership.credentials())
        return cls(Known(membership.space, membership), author), Effects(persist=tuple(rows))

    # ------------------------------------------------------------ reading

    @property
    def space(self) -> SpaceId:
        """The space."""
        return self._known.space

    @property
    def membership(self) -> Membership:
        """The members, devices, generations and rules."""
        return self._known.membership

    @property
    def clock(self) -> int:
        """The greatest `Stamp.time` seen."""
        return self._known.clock

    @property
    def numbers(self) -> Known:
        """The `FeedNumbers` for loading documents outside a transaction."""
        return self._known

    @property
    def feeds(self) -> Iterable[PutFeed]:
        """All feeds and branches; those of length 0 do not count."""
        return self._known.feeds.values()

    @property
    def own_feed(self) -> FeedId | None:
        """The feed that own blocks go to; None before the first."""
        return FeedId(self._known.feeds[self._known.own].id) if self._known.own else None

    @property
    def next_feed(self) -> FeedId | None:
        """The feed that the next own block goes to; None: a new one, or nobody writes here."""
        if self._author is None or reason_for_new_feed(self._known, self._author) is not None:
            return None
        return self.own_feed

    @property
    def has_unreleased(self) -> bool:
        """Whether own blocks wait to be signed and announced."""
        return bool(self._unreleased())

    def gaps(self) -> dict[tuple[FeedId, bytes], int]:
        """How many blocks wait for a link: by their feed, and the feed that it is missing from."""
        return self._known.room.gaps()

    def author_of(self, feed: bytes) -> tuple[IdentityId, DeviceKey] | None:
        """Who writes a feed or branch."""
        n = self._known.numbers.get(feed)
        if n is None:
            return None
        opening = self._known.opening(n)
        return opening.identity, opening.device

    def heads_of(self, identity: IdentityId, state: State, device: DeviceKey | None = None) -> Cut:
        """What a cut of a member (or of one device) has to list: all that was applied of it.

        A head names the header's feed id, also on a branch: its block id says which history.
        """
        heads = []
        for n, feed in self._known.feeds.items():
            opening = self._known.opening(n)
            if opening.identity != identity or device not in (None, opening.device):
                continue
            last = feed.applied - 1
            block = feed.head if feed.applied == feed.length else state.id_at(n, last)
            if last > 0 and block is not None and not self._goes_on(n):
                heads.append(Head(opening.id, last, BlockId(block)))
        return tuple(sorted(heads))

    # ------------------------------------------------------------ own blocks

    def doubt(self, reason: int) -> None:
        """F2: have the own feed succeeded before the next block, for a reason of section 7."""
        if self._known.own or reason:
            self._known.own_reason = reason

    def seal(self, draft: Draft, state: State, now_ms: int, entropy: Entropy) -> list[Witness]:
        """Make the blocks of an own transaction, for `apply`; the open record first, if needed.

        Raises:
            SealError: This identity may not write, or there is no generation to write under.
            TooBig: More than 64 blocks.
        """
        if self._author is None:
            raise SealError("right")
        return seal(self._known, state, self._author, draft, now_ms, entropy)

    def release(self, state: State) -> Effects:
        """F5: sign the heads of own feeds, and announce them."""
        rows: list[Row] = []
        feeds: dict[int, PutFeed] = {}
        sends: list[Send] = []
        for n in self._unreleased():
            feed = self._known.feeds[n]
            if feed.signed < feed.length:
                rows.append(self._signed_head(feed, state))
            released = feed._replace(signed=feed.length, released=feed.length)
            rows.append(released)
            feeds[n] = released
            sends.append(Announce(FeedId(feed.id), feed.released, feed.length))
        return Effects(tuple(rows), send=tuple(sends), after=After(feeds=feeds))

    # ------------------------------------------------------------ what comes

    def verify(self, message: Sequence[WireBlock], state: State, now_ms: int) -> Verified:
        """V1-V9 for a message; what passes is for `apply`. Nothing is changed, nothing raises."""
        ledger = Ledger.over(self._known, state, now_ms)

        def is_known(block: VerifiedBlock) -> bool:
            header = block.header
            n = ledger.find(header.feed, header.seq, block.id)
            if n is None:
                return ledger.is_held(header.feed, block.id)
            return block.sig is None or ledger.chain(n).signed > header.seq

        return Inspection(self.space, self._known.opening_of, is_known).verify(message)

    def apply(self, blocks: Sequence[Witness], state: State, now_ms: int) -> Effects:
        """Store, hold and apply blocks, and those that waited for them, in one transaction."""
        ledger = Ledger.over(self._known, state, now_ms)
        if blocks and isinstance(blocks[-1], VerifiedBlock) and blocks[-1].content is not None:
            take_own(ledger, blocks)
        else:
            take(ledger, blocks)
        return finish(ledger)

    def admit(self, credentials: Iterable[Signed], state: State, now_ms: int) -> Effects:
        """Take in credentials from anywhere; blocks that count no more, or again, follow (C7)."""
        membership, intake = self.membership.add(credentials)
        ledger = Ledger.over(self._known, state, now_ms, membership)
        admit(ledger, intake)
        return finish(ledger, "membership")

    def give_key(
        self,
        generation: GenerationId,
        content: bytes | None,
        access: bytes | None,
        state: State,
        now_ms: int,
    ) -> Effects:
        """Take a generation's keys, checked by who calls (K3); what waited for them is applied."""
        ledger = Ledger.over(self._known, state, now_ms)
        n = next((g.n for g in self.membership.generations if g.id == generation), 0)
        stored = state.key(generation)
        if stored is not None:
            content, access = content or stored.content, access or stored.access
        row = PutKey(generation, n, content, access)
        if row == stored:
            return Effects()
        ledger.rows.append(row)
        if content is not None:
            ledger.content_keys[generation] = content
            self._known.chosen = None
            advance(ledger, [n for n, need in ledger.lagging.items() if need in (b"", generation)])
        return finish(ledger, "key")

    def due(self, state: State, now_ms: int) -> Effects:
        """V11: take in the blocks whose time has come."""
        ledger = Ledger.over(self._known, state, now_ms)
        blocks = self._known.room.due(now_ms)
        if blocks:
            place(ledger, Selection(ledger).select(blocks))
        return finish(ledger)

    def next_due(self) -> int | None:
        """When `due` has something to do, in ms UTC."""
        return self._known.room.next_due

    def adopt(self, after: After) -> None:
        """Take over what effects said, now that their rows are on disk (B5)."""
        self._known.adopt(after)

    # ------------------------------------------------------------ private

    def _goes_on(self, n: int) -> bool:
        """Whether a feed or branch has ended in branches of which something was applied."""
        feeds = self._known.feeds
        return any(
            feeds[m].branch_of == n and feeds[m].applied > feeds[n].length
            for family in self._known.families.values()
            for m in family
        )

    def _unreleased(self) -> list[int]:
        known, author = self._known, self._author
        if author is None:
            return []
        return [
            n for n in sorted(known.unreleased) if known.opening(n).device == author.device.public
        ]

    def _signed_head(self, feed: PutFeed, state: State) -> Row:
        block = state.block(feed.n, feed.length - 1)
        if block is None or self._author is None:
            raise SealError("right")
        record = self._known.own_record if feed.n == self._known.own else b""
        if not record:
            opening = self._known.opening(feed.n)
            row = state.key(read_clear(block.clear).gen)
            key = content_key(row.content, opening.id) if row and row.content else None
            record, _ = wire_of(block, opening.id, key)
        return block._replace(sig=sign_block(self.space, record, self._author.device))
