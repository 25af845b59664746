"""Which spaces are in the vault, and how is one made, opened, joined?

The shelf holds every space's record, and the open ones. Nothing here talks to peers.

Rules: E2 (a space's file comes first, then the object in the home space; a file without one is
listed again at opening), G4 (lock order: vault, home, space), I11, J4 (a space just joined has no
engine until its genesis comes).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, NamedTuple

from kithspace.core.credential import Genesis, Signed, credential_id, sign_credential
from kithspace.core.effects import PutAbout
from kithspace.core.gate.drafting import Author
from kithspace.core.generation import access_key
from kithspace.core.ids import SpaceId
from kithspace.core.replica import Replica
from kithspace.errors import KithError
from kithspace.runtime.engine import Engine
from kithspace.runtime.exchange import AccessKey
from kithspace.runtime.keyring import early_access_key, read_sealed, sealed_row
from kithspace.runtime.names import Names
from kithspace.runtime.space import Space
from kithspace.runtime.space_exchange import EngineExchange
from kithspace.runtime.vault_records import SpaceRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from kithspace.core.ids import GenerationId, IdentityId
    from kithspace.errors import Closed
    from kithspace.ports import Clock, Entropy, Store, VaultFolder
    from kithspace.runtime.node import Node
    from kithspace.runtime.space import Household
    from kithspace.runtime.vault_records import Me, VaultRecords

_log = logging.getLogger(__name__)

NONCE_BYTES = 16


class Tools(NamedTuple):
    """What every space of a vault is opened with."""

    folder: VaultFolder
    records: VaultRecords
    clock: Clock
    entropy: Entropy
    node: Node
    app: str
    durable: bool


class Shelved(NamedTuple):
    """One space: its record, and what is open of it."""

    record: SpaceRecord
    space: Space | None
    exchange: EngineExchange
    store: Store


class Shelf:
    """The spaces of one vault. Any thread may call.

    Args:
        tools: What spaces are opened with.
        household: The vault, for the spaces.
        known: A person's name as known from elsewhere.
        on_change: Called, under the space's lock, when keys or members of a space have changed.
    """

    def __init__(
        self,
        tools: Tools,
        household: Household,
        known: Callable[[IdentityId], str],
        on_change: Callable[[], None],
    ) -> None:
        self.lock = threading.RLock()
        self._tools = tools
        self._household = household
        self._known = known
        self._on_change = on_change
        self._open: dict[SpaceId, Shelved] = {}
        self._me: Author | None = None
        self._calls: tuple[Callable[[], None], ...] = ()

    def be(self, me: Me) -> None:
        """From now on this is who writes."""
        self._me = Author(me.identity, me.sign, me.agree, self._tools.app)

    @property
    def me(self) -> Author:
        """Who writes."""
        assert self._me is not None  # noqa: S101 - set when the vault is opened
        return self._me

    # ---------------------------------------------------------------- what is there

    def records(self) -> list[SpaceRecord]:
        """All spaces, the most recently active first."""
        found = self._tools.records.spaces()
        return sorted(found, key=lambda record: -record.active_ms)

    def record(self, space: SpaceId) -> SpaceRecord | None:
        """The record of a space, if it is in the vault."""
        return next((one for one in self.records() if one.space == space), None)

    def get(self, space: SpaceId) -> Shelved | None:
        """A space, opened if it was not; None if it is not in the vault."""
        with self.lock:
            shelved = self._open.get(space)
            if shelved is not None:
                return shelved
            record = self.record(space)
            return None if record is None else self._open_record(record)

    def all_open(self) -> list[Shelved]:
        """All spaces that are open now."""
        with self.lock:
            return list(self._open.values())

    def open_all(self) -> list[Shelved]:
        """All spaces, opened; one that cannot be opened is left out, and logged."""
        found = []
        for record in self.records():
            try:
                shelved = self.get(record.space)
            except KithError as error:
                _log.warning("A space cannot be opened: %s.", error.code)
                continue
            if shelved is not None:
                found.append(shelved)
        return found

    def adopt_files(self) -> None:
        """List files again that a crash left without a record (E2); empty ones are deleted."""
        tools = self._tools
        known = {record.file for record in self.records()}
        for file in tools.folder.space_files():
            if file in known:
                continue
            try:
                _, store = tools.folder.open_space(file)
                space = store.state().about("space")
                store.close(clean=True)
            except KithError as error:
                # Nothing here needs it: it is left as it is, and does not keep the vault shut.
                _log.warning("A file of no known space is passed over: %s.", error.code)
                continue
            if space is None:
                tools.folder.delete_space(file)
                continue
            now = tools.clock.now_ms()
            record = SpaceRecord(file, SpaceId(space), False, False, "", now, now)  # noqa: FBT003
            tools.records.put_space(record)

    def watch(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when a space was added or dropped. Returns what stops it."""
        self._calls = (*self._calls, call)

        def stop() -> None:
            self._calls = tuple(one for one in self._calls if one is not call)

        return stop

    def _tell(self) -> None:
        for call in self._calls:
            call()

    # ---------------------------------------------------------------- making

    def found(self, name: str, entries: Sequence[object], *, is_home: bool) -> Space:
        """Found a space: its file, its genesis, its first key.

        Args:
            name: For its record.
            entries: One's own identity log.
            is_home: Whether it is the home space (E1).
        """
        tools, me = self._tools, self.me
        with self.lock:
            now = tools.clock.now_ms()
            body = Genesis(tuple(entries), (), tools.entropy(NONCE_BYTES))  # type: ignore[arg-type]
            genesis = sign_credential(None, (), me.identity, me.device, now, body)
            space = SpaceId(credential_id(genesis.raw))
            file, store = tools.folder.open_space(None)
            self._put_genesis(store, genesis)
            record = SpaceRecord(file, space, is_home, False, name, now, now)  # noqa: FBT003
            tools.records.put_space(record)
            shelved = self._open_stored(record, store)
        self._tell()
        assert shelved.space is not None  # noqa: S101 - its genesis is here
        with shelved.space.engine.lock:
            shelved.space.engine.keyring.prepare()
        return shelved.space

    def expect(
        self,
        space: SpaceId,
        name: str,
        sealed: Mapping[GenerationId, bytes],
        *,
        is_home: bool = False,
    ) -> EngineExchange:
        """Make the file of a space that was joined; its credentials come from peers (J4).

        Args:
            space: Its id.
            name: As the inviter calls it.
            sealed: Keys sealed to this device.
            is_home: Whether it is the home space, of another device (J5).
        """
        tools = self._tools
        with self.lock:
            found = self.get(space)
            if found is not None:
                self._put_sealed(found, sealed)
                return found.exchange
            file, store = tools.folder.open_space(None)
            store.commit([PutAbout("space", space), sealed_row(sealed)])
            now = tools.clock.now_ms()
            record = SpaceRecord(file, space, is_home, False, name, now, now)  # noqa: FBT003
            tools.records.put_space(record)
            exchange = self._open_stored(record, store).exchange
        self._tell()
        return exchange

    @staticmethod
    def _put_sealed(found: Shelved, sealed: Mapping[GenerationId, bytes]) -> None:
        for generation, key in sealed.items():
            found.exchange.receive_key(generation, key)

    def drop(self, space: SpaceId) -> None:
        """Delete a space's file: the home space of an identity that was given up (J5)."""
        with self.lock:
            shelved = self._open.pop(space, None)
            record = self.record(space)
            if shelved is not None:
                shelved.store.close(clean=False)
            if record is not None:
                self._tools.records.drop_space(record.file)
                self._tools.folder.delete_space(record.file)
        self._tell()

    def put_record(self, record: SpaceRecord) -> None:
        """Change what is remembered of a space."""
        with self.lock:
            self._tools.records.put_space(record)
            shelved = self._open.get(record.space)
            if shelved is not None:
                self._open[record.space] = shelved._replace(record=record)

    def close(self, closed: Closed) -> None:
        """Close all spaces; any number of times."""
        with self.lock:
            shelved, self._open = list(self._open.values()), {}
        for one in shelved:
            try:
                if one.space is not None:
                    self._tools.node.drop(one.space.engine)
                    one.space.engine.close(closed)
                else:
                    one.store.close(clean=True)
            except KithError as error:
                # What was written is on the disk all the same (F1); the others are closed too.
                _log.warning("A space was not closed well: %s.", error.code)

    # ---------------------------------------------------------------- opening

    def _open_record(self, record: SpaceRecord) -> Shelved:
        _, store = self._tools.folder.open_space(record.file)
        return self._open_stored(record, store)

    def _open_stored(self, record: SpaceRecord, store: Store) -> Shelved:
        space = self._wake_up(record, store) if any(store.state().credentials()) else None
        exchange = EngineExchange(
            record.space,
            space.engine if space is not None else None,
            lambda genesis: self._arrive(record.space, genesis),
            self._early_keys(record.space, store),
        )
        shelved = Shelved(record, space, exchange, store)
        self._open[record.space] = shelved
        return shelved

    def _wake_up(self, record: SpaceRecord, store: Store) -> Space:
        tools = self._tools
        engine = Engine(
            record.space,
            store,
            self.me,
            tools.clock,
            tools.entropy,
            tools.node.wake,
            durable=tools.durable,
        )
        engine.keyring.on_key = self._on_change
        engine.on_members = self._on_change
        space = Space(engine, Names(engine, record.name, self._known), self._household)
        # Posted: the mesh has to take the news of the same release first.
        engine.on_release = lambda: tools.node.post(space.look_whether_synced)
        tools.node.add(engine)
        return space

    def _arrive(self, space: SpaceId, genesis: Signed) -> Engine:
        """The genesis of a space that was joined has come."""
        with self.lock:
            shelved = self._open[space]
            self._put_genesis(shelved.store, genesis)
            woken = self._wake_up(shelved.record, shelved.store)
            self._open[space] = shelved._replace(space=woken)
        self._on_change()
        return woken.engine

    def _put_genesis(self, store: Store, genesis: Signed) -> None:
        replica, effects = Replica.found(genesis, self.me)
        store.commit([*effects.persist, PutAbout("space", replica.space)])

    def _early_keys(self, space: SpaceId, store: Store) -> list[AccessKey]:
        """Access keys of a welcome, while no credential is here."""
        sealed = read_sealed(store.state())
        found = [early_access_key(self.me.agree, space, gen, key) for gen, key in sealed.items()]
        return [key for key in found if key is not None]

    def offer_keys(self, space: SpaceId, keys: Mapping[GenerationId, bytes]) -> None:
        """Keys that the home space has (E3): to read with, and before that to be found by."""
        shelved = self.get(space)
        if shelved is None:
            return
        early = [AccessKey(gen, 0, access_key(key, space)) for gen, key in sorted(keys.items())]
        shelved.exchange.expect_keys(early)
        if shelved.space is not None:
            engine = shelved.space.engine
            with engine.lock:
                engine.keyring.offered = dict(keys)
                engine.keyring.look_for_keys()
