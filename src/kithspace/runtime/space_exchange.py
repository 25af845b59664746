"""What does a space give to peers, and how does it take in what they send?

The mesh's view of a space. Everything a peer sends goes through the same gate as one's own writes:
verify, apply, persist, show, announce. Whoever has just joined has no engine yet: it is made when
the genesis credential comes.

Rules: X5 (leaves), X6 (ranges end at a signed block), X9, X11 (key chunks, keys), F4 (one's own
blocks, shown by a peer: from then on a new feed), F5, J4.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from kithspace.core.credential import Signed, credential_id
from kithspace.core.fold.graph import Graph
from kithspace.core.fold.growth import Growth
from kithspace.core.fold.membership import Membership
from kithspace.core.fold.roster import Roster
from kithspace.core.fold.state import EMPTY
from kithspace.core.ids import CredentialId
from kithspace.core.verify import VerifiedBlock
from kithspace.protocol.leaves import PREFIX_BYTES, CredentialLeaf, FeedLeaf
from kithspace.protocol.presence import ContentKey
from kithspace.runtime.delivery import leaf_of
from kithspace.runtime.exchange import AccessKey, Intake, News

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kithspace.core.effects import PutFeed, Refused, Send
    from kithspace.core.ids import DeviceKey, FeedId, GenerationId, SpaceId
    from kithspace.core.state import WireBlock
    from kithspace.core.verify import Witness
    from kithspace.runtime.engine import Engine

BLOCKS_PER_READ: Final = 64
MAX_ANSWER_BYTES: Final = 960 * 1024
"""An answer fits in one message of 1 MiB (F5)."""
BLOCKS_PER_HOLD: Final = 64
"""Blocks taken in under one hold of the lock (G4)."""
MAX_EARLY: Final = 20_000
"""Credentials kept while the genesis is not here."""


class EngineExchange:
    """A `SpaceExchange` over an engine, or over a space that has just been joined.

    Args:
        space: The space.
        engine: The open space; None while its genesis is not here.
        found: Makes the engine from the genesis.
        early_keys: Access keys while there is no engine.
    """

    def __init__(
        self,
        space: SpaceId,
        engine: Engine | None,
        found: Callable[[Signed], Engine] | None = None,
        early_keys: Sequence[AccessKey] = (),
    ) -> None:
        self.space = space
        self._engine = engine
        self._found = found
        self._early_keys = list(early_keys)
        self._nobody = Membership(space, Growth(Graph(), EMPTY, Roster(), {}, {}))
        self._early: dict[CredentialId, Signed] = {}
        self._listeners: list[Callable[[News], None]] = []

    @property
    def membership(self) -> Membership:
        """The fold of all credentials here, a frozen value; nobody while the genesis is lacking."""
        return self._nobody if self._engine is None else self._engine.membership

    @property
    def is_open_to_peers(self) -> bool:
        """False once it is closed."""
        return self._engine is None or not self._engine.is_closed

    def access_keys(self) -> list[AccessKey]:
        """Access keys, the newest generation first (X2)."""
        if self._engine is None:
            return list(self._early_keys)
        with self._engine.lock:
            return self._engine.keyring.access_keys() or list(self._early_keys)

    def expect_keys(self, keys: Sequence[AccessKey]) -> None:
        """Be found by these too, while there is nothing better (E3)."""
        known = {one.generation for one in self._early_keys}
        self._early_keys += [one for one in keys if one.generation not in known]

    # ---------------------------------------------------------------- what is here

    def credential_leaves(self) -> list[CredentialLeaf]:
        """All credentials."""
        return [CredentialLeaf(one.id, one.depth) for one in self.membership.credentials()]

    def credentials(self, ids: Sequence[CredentialId]) -> list[Signed]:
        """Return those that are here, parents first."""
        wanted = set(ids)
        return self._credentials(lambda one: one in wanted)

    def credentials_by_prefix(self, prefixes: Sequence[bytes]) -> list[Signed]:
        """Return those whose id begins with one of these 16 bytes, parents first (message 19)."""
        wanted = set(prefixes)
        return self._credentials(lambda one: one[:PREFIX_BYTES] in wanted)

    def _credentials(self, is_wanted: Callable[[CredentialId], bool]) -> list[Signed]:
        known = self.membership.credentials()
        return [Signed(one.raw, one.sig) for one in known if is_wanted(one.id)]

    def feed_leaves(self) -> list[FeedLeaf]:
        """All feeds and branches with something to announce."""
        engine = self._engine
        if engine is None:
            return []
        with engine.lock:
            leaves = [leaf_of(row, engine.state) for row in engine.replica.feeds]
        return [leaf for leaf in leaves if leaf is not None]

    def blocks(self, feed: FeedId, first: int, end: int) -> list[WireBlock]:
        """Return `[first, end)`, or fewer, running on to the next signed block (X6)."""
        engine = self._engine
        if engine is None:
            return []
        with engine.lock:
            row = engine.state.feed(feed)
            if row is None or engine.is_closed:
                return []
            held = list(self._held(engine, row, first))
            # A cut may lie within a signed run: then the signature is that of a held block.
            stored = self._read(engine, row.n, first, row.length if held else row.released)
            return _until_signed(chain(stored, held), first, end)

    @staticmethod
    def _read(engine: Engine, n: int, first: int, announced: int) -> Iterable[WireBlock]:
        while first < announced:
            part = engine.store.blocks(n, first, min(first + BLOCKS_PER_READ, announced))
            if not part:
                return
            yield from part
            first += len(part)

    @staticmethod
    def _held(engine: Engine, row: PutFeed, first: int) -> Iterable[WireBlock]:
        """C6: what does not count, for who lacks it as a dep of what counts and asks for it."""
        if row.length == first == 0 and row.opening:
            yield row.opening, None, row.opening_sig
        for held in engine.state.held(row.id):
            if held.seq >= max(first, 1):
                yield held.record, held.body or None, held.sig

    # ---------------------------------------------------------------- what comes

    def receive_credentials(
        self, credentials: Sequence[Signed], source: DeviceKey | None
    ) -> Intake:
        """Take in credentials, parents first."""
        engine = self._engine
        if engine is None:
            engine = self._receive_early(credentials)
            if engine is None:
                return Intake()
            credentials = list(self._early.values())
            self._early.clear()
        with engine.lock:
            engine.check_open()
            effects = engine.replica.admit(credentials, engine.state, engine.clock.now_ms())
            asks = engine.carry_out(effects, source=source)
            engine.keyring.look_for_keys()
        return Intake(asks, effects.refused, bool(effects.persist))

    def _receive_early(self, credentials: Sequence[Signed]) -> Engine | None:
        """Keep credentials until the genesis is among them, then make the engine."""
        for signed in credentials:
            if len(self._early) < MAX_EARLY:
                self._early[credential_id(signed.raw)] = signed
        genesis = self._early.get(CredentialId(self.space))
        if genesis is None or self._found is None:
            return None
        self._engine = self._found(genesis)
        for call in self._listeners:
            self._engine.listen(call)
        return self._engine

    def receive_blocks(self, blocks: Sequence[WireBlock], source: DeviceKey | None) -> Intake:
        """Take in one message of blocks: verify, apply, persist, show, announce."""
        engine = self._engine
        if engine is None:
            return Intake()
        with engine.lock:
            engine.check_open()
            verified = engine.replica.verify(blocks, engine.state, engine.clock.now_ms())
        asks: list[Send] = list(verified.send)
        refused: list[Refused] = list(verified.refused)
        has_stored = False
        for part in g4_parts(verified.blocks):
            with engine.lock:
                engine.check_open()
                effects = engine.replica.apply(part, engine.state, engine.clock.now_ms())
                asks += engine.carry_out(effects, source=source)
            refused += effects.refused
            has_stored = has_stored or bool(effects.persist)
        return Intake(tuple(asks), tuple(refused), has_stored)

    # ---------------------------------------------------------------- keys

    def receive_key(self, generation: GenerationId, sealed: bytes) -> Intake:
        """Take in a key sealed to this device (K2, K3)."""
        if self._engine is None:
            return Intake()
        with self._engine.lock:
            self._engine.check_open()
            return self._engine.keyring.receive_key(generation, sealed)

    def seal_key(self, generation: GenerationId, device: DeviceKey) -> bytes | None:
        """Seal a generation's key to a device that asked, if it is here and entitled (X11)."""
        if self._engine is None:
            return None
        with self._engine.lock:
            return self._engine.keyring.seal_key(generation, device)

    def content_key(self, generation: GenerationId | None) -> ContentKey | None:
        """Return the content key of a generation; None: of the one to write under (X10, K5)."""
        if self._engine is None:
            return None
        with self._engine.lock:
            keyring = self._engine.keyring
            generation = keyring.current() if generation is None else generation
            key = None if generation is None else keyring.content_key(generation)
        return None if generation is None or key is None else ContentKey(generation, key)

    def lacking_keys(self) -> list[GenerationId]:
        """Generations this device should hold the key of and does not (X11)."""
        if self._engine is None:
            return []
        with self._engine.lock:
            return self._engine.keyring.lacking()

    def lacking_chunks(self) -> list[bytes]:
        """Hashes of key chunks that hold a lacking key for this device (K2)."""
        if self._engine is None:
            return []
        with self._engine.lock:
            return self._engine.keyring.lacking_chunks()

    def chunk(self, hash_: bytes, /) -> bytes | None:
        """Return a chunk that is here (X9)."""
        if self._engine is None:
            return None
        with self._engine.lock:
            return self._engine.keyring.chunk(hash_)

    def receive_chunk(self, hash_: bytes, chunk: bytes) -> Intake:
        """Take in a key chunk that was asked for (K1)."""
        if self._engine is None:
            return Intake()
        with self._engine.lock:
            self._engine.check_open()
            return self._engine.keyring.receive_chunk(hash_, chunk)

    def listen(self, call: Callable[[News], None]) -> Callable[[], None]:
        """Call with news, in order, under no lock. Returns what stops it."""
        self._listeners.append(call)
        stop = None if self._engine is None else self._engine.listen(call)

        def stop_all() -> None:
            if call in self._listeners:
                self._listeners.remove(call)
            if stop is not None:
                stop()

        return stop_all


def g4_parts(witnesses: Sequence[Witness]) -> list[list[Witness]]:
    """G4: what is taken in under one hold of the lock: about 64 blocks, in the order of their time.

    A part ends where every feed in it ends at a signed block, whose signature the gate then checks
    (F5); what the authors saw of each other comes before what they wrote.
    """
    parts: list[list[Witness]] = [[]]
    unsigned: set[bytes] = set()
    for witness in sorted(witnesses, key=_time_of):
        if len(parts[-1]) >= BLOCKS_PER_HOLD and not unsigned:
            parts.append([])
        parts[-1].append(witness)
        if isinstance(witness, VerifiedBlock):
            if witness.sig is not None:
                unsigned.discard(witness.header.feed)
            else:
                unsigned.add(witness.header.feed)
    return parts


def _time_of(witness: Witness) -> int:
    return witness.header.time if isinstance(witness, VerifiedBlock) else witness.opening.time


def _until_signed(blocks: Iterable[WireBlock], first: int, end: int) -> list[WireBlock]:
    """As many blocks as were asked for, up to the next signed one, within one message."""
    found: list[WireBlock] = []
    size = signed = 0
    for block in blocks:
        size += len(block[0]) + len(block[1] or b"")
        if size > MAX_ANSWER_BYTES and signed:
            break
        found.append(block)
        if block[2] is not None:
            signed = len(found)
            if first + signed >= end:
                break
    return found[:signed]
