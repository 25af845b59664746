"""What does an open space give to peers, and how does it take in what they send?

The mesh's view of an engine. Everything a peer sends goes through the same gate as one's own
writes: verify, apply, persist, show, announce.

Rules: X5 (leaves), X6 (ranges end at a signed block), X9, X11 (key chunks, keys), F5, G4 (a hold of
the lock takes in at most 64 blocks, but never cuts a signed run), X12 (who left serves nothing).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kithspace.core.credential import Signed
from kithspace.core.ids import CredentialId
from kithspace.protocol.leaves import CredentialLeaf, FeedLeaf
from kithspace.runtime.engine import leaf_of
from kithspace.runtime.exchange import AccessKey, Intake, News

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kithspace.core.fold import Membership
    from kithspace.core.ids import DeviceKey, FeedId, GenerationId, SpaceId
    from kithspace.core.state import WireBlock
    from kithspace.runtime.engine import Engine
    from kithspace.runtime.keyring import Keyring

BLOCKS_PER_READ: Final = 64
MAX_ANSWER_BYTES: Final = 960 * 1024
"""An answer fits in one message of 1 MiB (F5)."""


class EngineExchange:
    """A `SpaceExchange` over an engine.

    Args:
        engine: The open space.
        keyring: Its keys.
    """

    def __init__(self, engine: Engine, keyring: Keyring) -> None:
        self.engine = engine
        self._keyring = keyring
        self.is_open_to_peers = True

    @property
    def space(self) -> SpaceId:
        """The space."""
        return self.engine.space

    @property
    def membership(self) -> Membership:
        """The fold of all credentials here, a frozen value."""
        return self.engine.membership

    def access_keys(self) -> list[AccessKey]:
        """Access keys, the newest generation first (X2)."""
        with self.engine.lock:
            return self._keyring.access_keys()

    # ---------------------------------------------------------------- what is here

    def credential_leaves(self) -> list[CredentialLeaf]:
        """All credentials."""
        with self.engine.lock:
            return [
                CredentialLeaf(CredentialId(row.id), row.depth)
                for row in self.engine.state.credentials()
            ]

    def credentials(self, ids: Sequence[CredentialId] | None) -> list[Signed]:
        """Return those that are here, parents first; None means all."""
        wanted = None if ids is None else set(ids)
        with self.engine.lock:
            return [
                Signed(row.record, row.sig)
                for row in self.engine.state.credentials()
                if wanted is None or row.id in wanted
            ]

    def credentials_by_prefix(self, prefixes: Sequence[bytes]) -> list[Signed]:
        """Return those whose id begins with one of these 16 bytes, parents first (message 19)."""
        wanted = set(prefixes)
        with self.engine.lock:
            return [
                Signed(row.record, row.sig)
                for row in self.engine.state.credentials()
                if row.id[:16] in wanted
            ]

    def feed_leaves(self) -> list[FeedLeaf]:
        """All feeds and branches with something to announce."""
        with self.engine.lock:
            state = self.engine.state
            leaves = [leaf_of(row, state) for row in state.feeds()]
        return [leaf for leaf in leaves if leaf is not None]

    def blocks(self, feed: FeedId, first: int, end: int) -> list[WireBlock]:
        """Return `[first, end)`, or fewer, running on to the next signed block (X6)."""
        with self.engine.lock:
            row = self.engine.state.feed(feed)
            if row is None:
                return []
            announced = row.released
            found: list[WireBlock] = []
            size = signed = 0
            while first < announced:
                for block in self.engine.store.blocks(
                    row.n, first, min(first + BLOCKS_PER_READ, announced)
                ):
                    size += len(block[0]) + len(block[1] or b"")
                    if size > MAX_ANSWER_BYTES and signed:
                        return found[:signed]
                    found.append(block)
                    first += 1
                    if block[2] is not None:
                        signed = len(found)
                        if first >= end:
                            return found
            return found[:signed]

    # ---------------------------------------------------------------- what comes

    def receive_credentials(
        self, credentials: Sequence[Signed], source: DeviceKey | None
    ) -> Intake:
        """Take in credentials, parents first."""
        engine = self.engine
        with engine.lock:
            engine.check_open()
            effects = engine.replica.admit(credentials, engine.state, engine.clock.now_ms())
            asks = engine.carry_out(effects, source=source)
            self._keyring.look_for_keys()
        return Intake(asks, effects.refused, bool(effects.persist))

    def receive_blocks(self, blocks: Sequence[WireBlock], source: DeviceKey | None) -> Intake:
        """Take in one message of blocks: verify, apply, persist, show, announce."""
        engine = self.engine
        with engine.lock:
            engine.check_open()
            now = engine.clock.now_ms()
            verified = engine.replica.verify(blocks, engine.state, now)
            effects = engine.replica.apply(verified.blocks, engine.state, now)
            asks = engine.carry_out(effects, source=source)
        return Intake(
            (*verified.send, *asks),
            (*verified.refused, *effects.refused),
            bool(effects.persist),
        )

    # ---------------------------------------------------------------- keys

    def receive_key(self, generation: GenerationId, sealed: bytes) -> Intake:
        """Take in a key sealed to this device (K2, K3)."""
        with self.engine.lock:
            self.engine.check_open()
            return self._keyring.receive_key(generation, sealed)

    def seal_key(self, generation: GenerationId, device: DeviceKey) -> bytes | None:
        """Seal a generation's key to a device that asked, if it is here and entitled (X11)."""
        with self.engine.lock:
            return self._keyring.seal_key(generation, device)

    def lacking_keys(self) -> list[GenerationId]:
        """Generations this device should hold the key of and does not (X11)."""
        with self.engine.lock:
            return self._keyring.lacking()

    def lacking_chunks(self) -> list[bytes]:
        """Hashes of key chunks that hold a lacking key for this device (K2)."""
        with self.engine.lock:
            return self._keyring.lacking_chunks()

    def chunk(self, hash_: bytes) -> bytes | None:
        """Return a chunk that is here (X9)."""
        with self.engine.lock:
            return self._keyring.chunk(hash_)

    def receive_chunk(self, hash_: bytes, chunk: bytes) -> Intake:
        """Take in a key chunk that was asked for (K1)."""
        with self.engine.lock:
            self.engine.check_open()
            return self._keyring.receive_chunk(hash_, chunk)

    def listen(self, call: Callable[[News], None]) -> Callable[[], None]:
        """Call with news, in order, under no lock. Returns what stops it."""
        return self.engine.listen(call)
