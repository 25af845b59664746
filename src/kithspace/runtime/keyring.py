"""Which keys of a space are here, how do they come in, and when is a new one made?

Called under the space's lock.

Rules: K1-K6 (the bytes are in `core/generation`), X9 (key chunks), X11 (key requests), J4 (a
welcome brings a key, perhaps before its credential is here: it is kept sealed until then).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from kithspace.core.codec import decode, encode
from kithspace.core.crypto import KEY_BYTES, box_open
from kithspace.core.effects import PutAbout
from kithspace.core.generation import (
    Keys,
    access_key,
    chunk_hash,
    chunk_of,
    due_reason,
    k3_check,
    make_generation,
    open_chain,
    open_for_device,
    open_sealed_key,
    seal_key,
)
from kithspace.core.ids import DeviceKey, GenerationId
from kithspace.core.roles import Role
from kithspace.errors import CodecError, KeyMismatch
from kithspace.runtime.exchange import AccessKey, Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kithspace.core.crypto import KeyPair
    from kithspace.core.fold import Membership
    from kithspace.core.fold.keys import Generation
    from kithspace.core.ids import SpaceId
    from kithspace.core.state import State
    from kithspace.runtime.engine import Engine

_log = logging.getLogger(__name__)

SEALED: Final = "sealed"
"""Key of `about` under which keys lie whose credential is not here yet."""
MAX_SEALED_BYTES: Final = 1_048_576
CHUNK: Final = "chunk/"
MAX_SEALED_TEXT: Final = 128
IDLE_MS: Final = 2_000
IDLE_ADMIN_MS: Final = 300


class Keyring:
    """The keys of one space.

    Args:
        engine: The open space.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.on_key: Callable[[], None] = _do_nothing
        """Called, under the lock, when there is a new content key."""
        self.offered: Mapping[GenerationId, bytes] = {}
        """Keys that one's other devices have put into the home space (E3)."""
        stored = engine.state.keys()
        self._keys: dict[GenerationId, Keys] = {
            GenerationId(row.gen): Keys(row.content, row.access) for row in stored
        }
        self._ready_for: Membership | None = None
        self._seen: Membership | None = None
        self.due_ms: int | None = None
        """When an idle node makes the generation that is due (K5), in monotonic ms."""
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
        self.due_ms = None
        self._ready_for = self._engine.membership

    def plan(self) -> None:
        """Members have changed: if a generation is due, make it after a random wait (K5).

        Whoever writes meanwhile makes it at once; then this finds nothing to do.
        """
        engine = self._engine
        membership = engine.membership
        if membership is self._seen:
            return
        self._seen = membership
        self.due_ms = None
        if engine.role < Role.WRITER:
            return
        if self._is_stale():
            longest = IDLE_ADMIN_MS if engine.role is Role.ADMIN else IDLE_MS
            share = int.from_bytes(engine.entropy(2), "big") / 2**16
            self.due_ms = engine.clock.monotonic_ms() + int(longest * share)

    def _is_stale(self) -> bool:
        """Whether no generation will do, whoever has its key: not where only the key is lacking."""
        membership = self._engine.membership
        known = [generation.id for generation in membership.generations]
        return bool(known) and membership.choose_generation(known) is None

    def make_idle(self) -> None:
        """The random wait is over: make the generation, if nobody else has (K5)."""
        self.due_ms = None
        if self._is_stale() and self._engine.role >= Role.WRITER:
            self.make("removal")

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
        sealed = read_sealed(engine.state)
        for generation in engine.membership.generations:
            if self._is_here(generation):
                continue
            if generation.id in sealed:
                self._open_sealed(generation, sealed[generation.id])
            elif generation.id in self.offered:
                self._open_offered(generation)
            elif generation.id not in self._bad:
                self._open_chunk(generation)
        self._open_chain()

    def receive_key(self, generation: GenerationId, sealed: bytes) -> Intake:
        """Take in a key sealed to this device (K2, K3)."""
        known = self._generation(generation)
        if known is None:
            waiting = {**read_sealed(self._engine.state), generation: sealed}
            self._engine.store.commit([sealed_row(waiting)])
        elif not self._is_here(known):
            was_bad = generation in self._bad
            self._open_sealed(known, sealed)
            if not was_bad:  # a peer's bad seal says nothing about the chunk: it is still asked for
                self._bad.discard(generation)
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

    def _open_offered(self, generation: Generation) -> None:
        try:
            keys = k3_check(generation.body, self._engine.space, self.offered[generation.id])
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


def sealed_row(keys: Mapping[GenerationId, bytes]) -> PutAbout:
    """The row that keeps keys sealed to this device."""
    return PutAbout(SEALED, encode(sorted(keys.items())))


def read_sealed(state: State) -> dict[GenerationId, bytes]:
    """What `sealed_row` kept."""
    found = state.about(SEALED)
    pairs = () if found is None else decode(found, MAX_SEALED_BYTES)
    return {GenerationId(gen): key for gen, key in pairs}  # type: ignore[union-attr, misc, arg-type, str-unpack]


def early_access_key(
    agree: KeyPair, space: SpaceId, generation: GenerationId, sealed: bytes
) -> AccessKey | None:
    """The access key in a welcome's sealed key, before its commitment can be checked.

    It only serves to find the space again; to read with, the key is checked first (K3).
    """
    try:
        fields = decode(box_open(agree, sealed), MAX_SEALED_TEXT)
    except (KeyMismatch, CodecError):
        return None
    match fields:
        case (_, found, int(n), bytes(key)) if found == space and len(key) == KEY_BYTES:
            return AccessKey(generation, n, access_key(key, space))
        case _:
            return None
