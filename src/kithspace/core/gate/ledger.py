"""What would the space be, if the transaction that is being worked out were on disk?

The ledger lies over the replica's memory and the stored state: reads see what the running
transaction did, nothing below is changed. `core/gate/effect` makes the effects of it.

Rules:
    B5   Memory follows by `Known.adopt`, after the disk.
    V12  Blocks of a forked feed lie under the numbers of its branches; a branch goes on where its
         parent ends.
    F5   Of another's feed, what is stored ends at a checked signature.
"""

from dataclasses import dataclass, field

from kithspace.core.block import OpenRecord, aad_of, encode_aad
from kithspace.core.codec import encode
from kithspace.core.document import Document
from kithspace.core.effects import (
    SEQ_BITS,
    PutBlock,
    PutHeld,
    PutTouched,
    Refused,
    Row,
    Send,
)
from kithspace.core.envelope import (
    CIPHERTEXT,
    OPENED,
    Clear,
    content_key,
    encode_clear,
    read_clear,
)
from kithspace.core.fold import Membership
from kithspace.core.gate.known import Known
from kithspace.core.gate.pieces import Chain, Entry, Touch, opened_form
from kithspace.core.ids import FeedId, GenerationId, ObjectId
from kithspace.core.stamp import Stamp
from kithspace.core.state import State, prev_of
from kithspace.core.verify import VerifiedBlock, refusal
from kithspace.core.waiting import Wait


@dataclass(slots=True)
class Ledger:
    """One running transaction over what is known and stored.

    Attributes:
        dirty: Local numbers of stored objects that have to be rebuilt (C7).
        dropped: Keys of blocks that are stored no more.
        moved: Keys of blocks that lie under another number now: from old to new.
        late: Keys of blocks that count again, after what builds on them was applied.
        holds: Held blocks as the transaction leaves them, by feed, for the feeds looked at.
        content_keys: Generation keys that come with this transaction.
        bases: Documents as stored, given by who wrote on them, so that they need no loading.
    """

    known: Known
    state: State
    now_ms: int
    membership: Membership
    clock: int
    last_object: int
    lagging: dict[int, bytes]
    chains: dict[int, Chain] = field(default_factory=dict)
    numbers: dict[bytes, int] = field(default_factory=dict)
    families: dict[int, tuple[int, ...]] = field(default_factory=dict)
    opened: dict[int, OpenRecord] = field(default_factory=dict)
    entries: dict[int, Entry] = field(default_factory=dict)
    blocks: dict[int, PutBlock] = field(default_factory=dict)
    touches: dict[ObjectId, Touch] = field(default_factory=dict)
    touched: list[PutTouched] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)
    openings: dict[FeedId, OpenRecord | None] = field(default_factory=dict)
    dirty: set[int] = field(default_factory=set)
    dropped: set[int] = field(default_factory=set)
    moved: dict[int, int] = field(default_factory=dict)
    late: set[int] = field(default_factory=set)
    holds: dict[bytes, dict[bytes, PutHeld]] = field(default_factory=dict)
    content_keys: dict[bytes, bytes] = field(default_factory=dict)
    own: tuple[int, int | None] | None = None
    own_record: bytes = b""
    own_bytes: int = 0
    is_rebuilding: bool = False
    bases: dict[ObjectId, Document | None] = field(default_factory=dict)
    _new_chains: int = 0

    @classmethod
    def over(
        cls, known: Known, state: State, now_ms: int, membership: Membership | None = None
    ) -> "Ledger":
        """Begin a transaction."""
        return cls(
            known,
            state,
            now_ms,
            membership or known.membership,
            known.clock,
            known.last_object,
            dict(known.lagging) if known.lagging else {},
        )

    def refuse(self, rule: str, code: str, feed: bytes, seq: int) -> None:
        """Drop something for good."""
        self.refused.append(refusal(rule, code, feed, seq))

    # ------------------------------------------------------------ feeds

    def chain(self, n: int) -> Chain:
        """A feed or branch, to read and to change."""
        chain = self.chains.get(n)
        if chain is None:
            chain = self.chains[n] = Chain(*self.known.feeds[n])
        return chain

    def find_number(self, feed: bytes) -> int | None:
        """The local number of a feed or branch id, if it is known."""
        n = self.numbers.get(feed)
        return self.known.numbers.get(feed) if n is None else n

    def add_chain(self, chain_id: bytes, branch_of: int | None, head: bytes, time: int) -> Chain:
        """Give a number to a feed or branch that is not known; it holds nothing yet."""
        self._new_chains += 1
        n = self.numbers[chain_id] = len(self.known.feeds) + self._new_chains
        chain = Chain(n, chain_id, branch_of, 0, 0, 0, 0, 0, head, time, b"", b"")
        self.chains[n] = chain
        return chain

    def open_feed(self, opening: OpenRecord, *, counts: bool) -> Chain:
        """Store an open record."""
        chain = self.add_chain(opening.id, None, opening.id, opening.time)
        chain.opening, chain.opening_sig = opening.record, opening.sig
        self.opened[chain.n] = opening
        if counts:
            chain.length = chain.applied = chain.signed = chain.released = 1
        return chain

    def root(self, n: int) -> int:
        """The number of the feed that `n` is, or branched from."""
        while (parent := self.chain(n).branch_of) is not None:
            n = parent
        return n

    def family(self, root: int) -> tuple[int, ...]:
        """A feed and its branches."""
        return self.families.get(root) or self.known.families.get(root) or (root,)

    def opening(self, n: int) -> OpenRecord:
        """The open record of the feed that `n` is, or branched from."""
        root = self.root(n)
        return self.opened.get(root) or self.known.opening(root)

    def first(self, n: int) -> int:
        """The number of the first block that lies under `n` itself."""
        parent = self.chain(n).branch_of
        return 0 if parent is None else self.chain(parent).length

    def feed_id(self, n: int) -> FeedId:
        """The feed id in the headers of the blocks under `n`."""
        return FeedId(self.chain(self.root(n)).id)

    def root_id(self, feed: bytes) -> bytes:
        """The feed id of a feed or branch id; itself, if it is not known."""
        n = self.find_number(feed)
        return feed if n is None else self.feed_id(n)

    def has_branches(self, n: int) -> bool:
        """Whether a feed or branch has ended in branches (V12)."""
        return any(
            (branch := self.chain(m)).branch_of == n and branch.length > 0
            for m in self.family(self.root(n))
        )

    def branches_counting(self, root: int) -> int:
        """How many branches of a feed hold counting blocks."""
        return sum(1 for n in self.family(root) if n != root and self.chain(n).length)

    def opening_of(self, feed: bytes) -> OpenRecord | None:
        """The open record under a feed id, if it is stored or was opened just now."""
        n = self.find_number(feed)
        return None if n is None else self.opening(n)

    # ------------------------------------------------------------ as `FeedNumbers`

    def number(self, feed: bytes, branch: bytes) -> int:
        """The local number in a stored stamp; 0 for no feed at all."""
        return self.find_number(branch or feed) or 0

    def stamp(self, time: int, n: int) -> Stamp:
        """The inverse of `number`."""
        return self.stamp_of(n, time) if n else Stamp(time, b"")

    def type_number(self, name: str) -> int:
        """The local number of a type; a new one is given out."""
        n = self.known.types.get(name) or self.types.get(name)
        if n is None:
            n = self.types[name] = max(self.known.types.values(), default=0) + len(self.types) + 1
        return n

    def type_name(self, n: int) -> str:
        """The name of a type from its local number."""
        return self.known.type_names.get(n, "")

    # ------------------------------------------------------------ stamps

    def stamp_of(self, n: int, time: int) -> Stamp:
        """The stamp of a block under `n`."""
        chain = self.chain(n)
        if chain.branch_of is None:
            return Stamp(time, chain.id)
        return Stamp(time, self.opening(n).id, chain.id)

    # ------------------------------------------------------------ blocks

    def entry(self, n: int, seq: int) -> Entry | None:
        """A block that lies under `n`, stored before or in this transaction."""
        found = self.entries.get(n << SEQ_BITS | seq)
        if found is not None:
            return found
        block = self.state.block(n, seq)
        if block is None:
            return None
        return Entry(n, seq, read_clear(block.clear), block.body, None)

    def id_at(self, n: int, seq: int) -> bytes | None:
        """The id of a block that lies under `n`."""
        chain = self.chain(n)
        if seq >= chain.length or seq < self.first(n):
            return None
        if seq == chain.length - 1:
            return chain.head
        after = self.entries.get(n << SEQ_BITS | (seq + 1))
        if after is not None:
            return after.clear.prev
        block = self.state.block(n, seq + 1)
        return prev_of(block.clear) if block is not None else None

    def find(self, feed: bytes, seq: int, block: bytes) -> int | None:
        """The number under which a block is stored, or None."""
        root = self.find_number(feed)
        if root is None:
            return None
        families = self.families or self.known.families
        if not families or len(self.family(root)) == 1:
            return root if self.id_at(root, seq) == block else None
        return next((n for n in self.family(root) if self.id_at(n, seq) == block), None)

    def held(self, feed: bytes) -> dict[bytes, PutHeld]:
        """Held blocks of a feed, by id; to change as well."""
        held = self.holds.get(feed)
        if held is None:
            rows = self.state.held(feed) if feed in self.known.held else ()
            held = self.holds[feed] = {row.id: row for row in rows}
        return held

    def is_held(self, feed: bytes, block: bytes) -> bool:
        """Whether a block is held (C5): good enough to build on (C6)."""
        if feed not in self.known.held and feed not in self.holds:
            return False
        return block in self.held(feed)

    def append(self, n: int, block: VerifiedBlock) -> Entry:
        """Store a block at the end of a feed or branch."""
        chain, header = self.chain(n), block.header
        chain.length = header.seq + 1
        chain.head, chain.last_time = block.id, header.time
        if block.checked:
            chain.signed = chain.length
            if block.content is None:
                chain.released = chain.length
        self.clock = max(self.clock, header.time)
        return self.put(n, block)

    def sign(self, n: int, block: VerifiedBlock) -> None:
        """Take over the signature of a stored block that had none (a fork or cut ends there)."""
        chain, seq = self.chain(n), block.header.seq
        key = n << SEQ_BITS | seq
        stored = self.blocks.get(key) or self.state.block(n, seq)
        if stored is not None and n != self.known.own:
            self.blocks[key] = stored._replace(sig=block.sig)
            chain.signed = chain.released = seq + 1

    def put(self, n: int, block: VerifiedBlock) -> Entry:
        """Write a block's row."""
        header = block.header
        form, body = self.stored_form(block)
        key = n << SEQ_BITS | header.seq
        sig = block.sig if block.checked else None
        self.blocks[key] = PutBlock(n, header.seq, encode_clear(form, header), sig, body)
        clear = Clear(form, header.prev, header.deps, header.kind, header.time, header.gen)
        entry = self.entries[key] = Entry(n, header.seq, clear, body, block.content)
        return entry

    def stored_form(self, block: VerifiedBlock) -> tuple[int, bytes]:
        """Form and body under which a block is stored (B7)."""
        if block.content is not None:
            return OPENED, block.payload
        key = self.key(block.header.gen, block.header.feed)
        if key is None:
            return CIPHERTEXT, block.payload
        return opened_form(key, block.payload, aad_of(block.record, block.header))

    def reopen(self, entry: Entry) -> Entry:
        """Open a block that was stored as it came, if that is possible by now (B7)."""
        feed = self.feed_id(entry.n)
        key = self.key(entry.clear.gen, feed)
        if key is None:
            return entry
        clear = entry.clear
        aad = encode_aad(clear.kind, feed, entry.seq, clear.prev, clear.deps, clear.time, clear.gen)
        form, body = opened_form(key, entry.body, aad)
        if form == CIPHERTEXT:
            return entry
        place = entry.n << SEQ_BITS | entry.seq
        again = entry._replace(clear=clear._replace(form=form), body=body)
        stored = self.blocks.get(place) or self.state.block(entry.n, entry.seq)
        sig = None if stored is None else stored.sig
        self.blocks[place] = PutBlock(entry.n, entry.seq, encode(again.clear), sig, body)
        self.entries[place] = again
        return again

    def has_key(self, entry: Entry) -> bool:
        """Whether the key of a block's payload is here."""
        return self.key(entry.clear.gen, self.feed_id(entry.n)) is not None

    def key(self, generation: GenerationId, feed: FeedId) -> bytes | None:
        """The key of a feed's payloads under a generation, if it is here."""
        key = self.known.keys.get((generation, feed))
        if key is None:
            row = self.state.key(generation)
            content = row.content if row is not None else None
            content = content or self.content_keys.get(generation)
            if content is None:
                return None
            key = self.known.keys[generation, feed] = content_key(content, feed)
        return key

    # ------------------------------------------------------------ objects

    def touch(self, object_id: ObjectId) -> Touch:
        """An object, to be changed; a new one gets a local number."""
        touch = self.touches.get(object_id)
        if touch is None:
            document = self._load(object_id)
            n = self.new_object() if document is None else document.n
            touch = self.touches[object_id] = Touch(n, document, document)
            touch.is_rebuilt = n in self.dirty
        return touch

    def _load(self, object_id: ObjectId) -> Document | None:
        if object_id in self.bases:
            return self.bases[object_id]
        row = self.state.object(object_id)
        return None if row is None else Document.load(row, self, self.state)

    def new_object(self) -> int:
        """Give out a local number for an object."""
        self.last_object += 1
        return self.last_object
