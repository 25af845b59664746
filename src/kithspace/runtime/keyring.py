"""Which keys of a space are here, how do they come in, and when is a new one made?

Called under the space's lock.

Rules: K1-K6 (the bytes are in `core/generation`), X9 (key chunks), X11 (key requests), J4 (a
welcome brings a key, perhaps before its credential is here: it is kept sealed until then).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kithspace.core.effects import PutAbout
from kithspace.core.generation import (
    Keys,
    access_key,
    chunk_hash,
    chunk_of,
    due_reason,
    make_generation,
    open_chain,
    open_for_device,
    open_sealed_key,
    seal_key,
)
from kithspace.core.ids import DeviceKey, GenerationId
from kithspace.core.roles import Role
from kithspace.errors import KeyMismatch
from kithspace.runtime.exchange import AccessKey, Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kithspace.core.fold import Membership
    from kithspace.core.fold.keys import Generation
    from kithspace.runtime.engine import Engine

_log = logging.getLogger(__name__)

SEALED: Final = "sealed/"
"""Keys of `about` under which a welcome's key lies until its credential is here."""
CHUNK: Final = "chunk/"


class Keyring:
    """The keys of one space.

    Args:
        engine: The open space.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.on_key: Callable[[], None] = _do_nothing
        """Called, under the lock, when there is a new content key."""
        stored = engine.state.keys()
        self._keys: dict[GenerationId, Keys] = {
            GenerationId(row.gen): Keys(row.content, row.access) for row in stored
        }
        self._ready_for: Membership | None = None
        self._bad: set[GenerationId] = set()

    # ---------------------------------------------------------------- what is here

    @property
    def content_keys(self) -> Mapping[GenerationId, bytes]:
        """Content keys, by generation."""
        return {gen: keys.content for gen, keys in self._keys.items() if keys.content}

    def content_key(self, generation: GenerationId) -> bytes | None:
        """The content key of a generation, if it is here."""
        keys = self._keys.get(generation)
        return keys.content if keys else None

    def current(self) -> GenerationId | None:
        """The generation to write under (K5); None: it has to be made first."""
        return self._engine.membership.choose_generation(list(self.content_keys))

    def access_keys(self) -> list[AccessKey]:
        """Access keys, the newest generation first (X2)."""
        found = []
        for generation in self._engine.membership.generations:
            keys = self._keys.get(generation.id)
            if keys is not None and keys.access is not None:
                found.append(AccessKey(generation.id, generation.n, keys.access))
        return found

    # ---------------------------------------------------------------- making

    def prepare(self) -> None:
        """Make a generation before a write if one is due (K5). Cheap while members are the same."""
        membership = self._engine.membership
        if membership is self._ready_for:
            return
        reason = due_reason(membership, self._keys, self._engine.clock.now_ms())
        if reason is not None:
            self.make(reason)
        self._ready_for = self._engine.membership

    def make(self, reason: str) -> None:
        """Make a generation for the devices that are live now (K1)."""
        engine = self._engine
        engine.merge_heads()
        membership = engine.membership
        made = make_generation(membership, self._keys, reason, engine.entropy)
        signed = membership.make(
            made.body, engine.me.identity, engine.me.device, engine.clock.now_ms()
        )
        chunks = [PutAbout(CHUNK + chunk_hash(chunk).hex(), chunk) for chunk in made.chunks]
        engine.admit_own([signed], rows=chunks)
        ours = next(g for g in engine.membership.generations if g.body == made.body)
        self._take(ours, Keys(made.gen_key, access_key(made.gen_key, engine.space)))

    # ---------------------------------------------------------------- coming in

    def look_for_keys(self) -> None:
        """Open what can be opened: sealed keys of a welcome, chunks, and the chain (K4)."""
        engine = self._engine
        for generation in engine.membership.generations:
            if self._is_here(generation):
                continue
            sealed = engine.state.about(SEALED + generation.id.hex())
            if sealed:
                self._open_sealed(generation, sealed)
            elif generation.id not in self._bad:
                self._open_chunk(generation)
        self._open_chain()

    def receive_key(self, generation: GenerationId, sealed: bytes) -> Intake:
        """Take in a key sealed to this device (K2, K3)."""
        known = self._generation(generation)
        if known is None:
            self._engine.store.commit([PutAbout(SEALED + generation.hex(), sealed)])
        elif not self._is_here(known):
            self._open_sealed(known, sealed)
            self._open_chain()
        return Intake()

    def receive_chunk(self, hash_: bytes, chunk: bytes) -> Intake:
        """Take in a key chunk that was asked for; its hash was checked."""
        if hash_ in self.lacking_chunks() and chunk_hash(chunk) == hash_:
            self._engine.store.commit([PutAbout(CHUNK + hash_.hex(), chunk)])
            self.look_for_keys()
        return Intake()

    def _open_sealed(self, generation: Generation, sealed: bytes) -> None:
        engine = self._engine
        try:
            keys = open_sealed_key(generation.body, engine.space, engine.me.agree, sealed)
        except KeyMismatch:
            self._complain(generation)
            return
        self._take(generation, keys)

    def _open_chunk(self, generation: Generation) -> None:
        engine = self._engine
        recipients = engine.membership.recipients(generation.credential)
        device = DeviceKey(engine.me.device.public)
        hash_ = self._chunk_for(generation)
        chunk = None if hash_ is None else self.chunk(hash_)
        if chunk is None:
            return
        try:
            keys = open_for_device(
                generation.body, recipients, chunk, device, engine.me.agree, engine.space
            )
        except KeyMismatch:
            self._complain(generation)
            return
        self._take(generation, keys)

    def _open_chain(self) -> None:
        engine = self._engine
        generations = engine.membership.generations
        opened = open_chain(generations, engine.space, self._keys)
        for generation in generations:
            if generation.id in opened:
                self._take(generation, opened[generation.id])

    def _take(self, generation: Generation, keys: Keys) -> None:
        engine = self._engine
        effects = engine.replica.give_key(
            generation.id, keys.content, keys.access, engine.state, engine.clock.now_ms()
        )
        engine.carry_out(effects, is_new_generation=True)
        self._keys[generation.id] = keys
        self._bad.discard(generation.id)
        self._ready_for = None
        if keys.content is not None:
            self.on_key()

    def _complain(self, generation: Generation) -> None:
        """K3: it does not fit; from now on it is asked of members."""
        self._bad.add(generation.id)
        _log.warning("A key of generation %d does not fit; members are asked.", generation.n)

    # ---------------------------------------------------------------- giving and lacking

    def seal_key(self, generation: GenerationId, device: DeviceKey) -> bytes | None:
        """Seal a generation's key to a device that asked, if it is here and entitled (K4)."""
        engine = self._engine
        known = self._generation(generation)
        keys = self._keys.get(generation)
        owner = engine.membership.owner(device)
        if known is None or keys is None or owner is None:
            return None
        is_keeper = engine.membership.role(owner) is Role.KEEPER
        key = keys.access if is_keeper else keys.content
        agree = next(one.agree for one in engine.membership.devices(owner) if one.sign == device)
        if key is None:
            return None
        return seal_key(agree, engine.space, known.n, key, engine.entropy)

    def lacking(self) -> list[GenerationId]:
        """Generations whose key this device should have, and has not (X11)."""
        if self._engine.role < Role.KEEPER:
            return []
        return [g.id for g in self._engine.membership.generations if not self._is_here(g)]

    def lacking_chunks(self) -> list[bytes]:
        """Hashes of key chunks that hold a lacking key for this device (K2)."""
        if self._engine.role < Role.KEEPER:
            return []
        found = []
        for generation in self._engine.membership.generations:
            if self._is_here(generation) or generation.id in self._bad:
                continue
            hash_ = self._chunk_for(generation)
            if hash_ is not None and self.chunk(hash_) is None:
                found.append(hash_)
        return found

    def chunk(self, hash_: bytes) -> bytes | None:
        """Return a key chunk that is here (X9)."""
        return self._engine.state.about(CHUNK + hash_.hex())

    # ---------------------------------------------------------------- inside

    def _is_here(self, generation: Generation) -> bool:
        keys = self._keys.get(generation.id)
        if keys is None:
            return False
        return keys.content is not None or self._engine.role is Role.KEEPER

    def _chunk_for(self, generation: Generation) -> bytes | None:
        recipients = self._engine.membership.recipients(generation.credential)
        return chunk_of(generation.body, recipients, DeviceKey(self._engine.me.device.public))

    def _generation(self, generation: GenerationId) -> Generation | None:
        return next((g for g in self._engine.membership.generations if g.id == generation), None)


def _do_nothing() -> None:
    """Nobody wants to know."""
