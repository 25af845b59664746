"""How do the parts of an open vault work together?

The parts (spaces, home space, invitations, joining, devices, sightings, node, mesh) know each other
through this class alone; the API sees `vault.Vault`, the mesh sees `vault_side.VaultSide`.

Rules: E1, E2 (home space), I11, G4 (lock order: vault, home, space; any thread may call), F3
(closing syncs), protocol.md section 6 (`network=False`: no mesh at all).
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from kithspace.core.identity import entry_id, found_identity
from kithspace.core.ids import IdentityId
from kithspace.errors import Closed, KithError, NotFound
from kithspace.runtime.devices import Devices
from kithspace.runtime.entering import Entrance
from kithspace.runtime.home import Home
from kithspace.runtime.invitations import Invitations
from kithspace.runtime.members import Outside
from kithspace.runtime.node import Callbacks, Node
from kithspace.runtime.shelf import Shelf, Tools
from kithspace.runtime.sightings import Had, Sightings
from kithspace.runtime.status import Full
from kithspace.runtime.tending import tend
from kithspace.runtime.vault_records import VaultRecords
from kithspace.runtime.vault_side import VaultSide

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.crypto import KeyPair
    from kithspace.core.identity import SignedEntry
    from kithspace.core.ids import SpaceId
    from kithspace.runtime.exchange import MeshControl
    from kithspace.runtime.setup import Setup
    from kithspace.runtime.space import Space
    from kithspace.runtime.vault_records import Me


_log = logging.getLogger(__name__)

KEY_SEED: Final = 32

SEND_SECONDS: Final = 2.0
"""How long closing waits until what is unsent has gone out."""
HOME_NAME: Final = "home"


class VaultCore:
    """An open vault, as its own parts see it.

    Args:
        setup: How it is opened; the folder is closed with the vault, also when opening fails.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self.clock = setup.clock
        self.entropy = setup.entropy
        self.words = setup.words
        self.app = setup.app
        self.records = VaultRecords(setup.folder)
        self.node = Node(setup.clock)
        self.callbacks = Callbacks()
        self._me: Me | None = None
        self._closed: Closed | None = None
        self._lock = threading.Lock()
        self._is_tending = False
        self._tending = threading.Lock()
        self._home: tuple[Home, Space] | None = None
        self._contact_names: dict[IdentityId, str] = {}
        """Read without a lock: names are asked for under a space's (G4)."""
        self._calls: tuple[Callable[[], None], ...] = ()
        self.mesh: MeshControl | None = None
        self.sightings = Sightings(self.records, setup.clock, self._amount)
        tools = Tools(
            setup.folder,
            self.records,
            setup.clock,
            setup.entropy,
            self.node,
            setup.app,
            setup.durable,
        )
        self.shelf = Shelf(tools, self, self._known_name, self.tend_soon)
        self.side = VaultSide(self, setup.folder.opening.counter)
        self.inviter = Invitations(self)
        self.entrance = Entrance(self)
        self.devices = Devices(self)
        try:
            self._open()
        except BaseException:
            self.shelf.close(Closed.of(setup.name, "its opening"))
            setup.folder.close()
            raise

    def _open(self) -> None:
        setup = self._setup
        me = self.records.me()
        if me is None:
            self._begin()
            me = self.records.me()
        assert me is not None  # noqa: S101 - it was just made
        self._me = me
        self.shelf.be(me)
        home = next((one for one in self.shelf.records() if one.is_home), None)
        if home is None:
            space = self.shelf.found(HOME_NAME, self.records.entries(), is_home=True)
            self.take_home(space)
        else:
            self._find_home()
        self.shelf.adopt_files()
        self.sightings.listen(self._seen)
        if setup.mesh is not None:
            self.mesh = setup.mesh(self.side, self.inviter, self.entrance)
        self.node.start(self.mesh.run if self.mesh is not None else None)
        self.tend_soon()

    def _begin(self) -> None:
        """Make the identity; the keys are kept before anything is signed with them."""
        setup = self._setup
        self.records.put_keys(
            setup.name, setup.device_name, setup.entropy(KEY_SEED), setup.entropy(KEY_SEED)
        )
        sign, agree = self.records.keys()
        genesis = found_identity(sign, agree.public, setup.entropy)
        self.records.put_identity(IdentityId(entry_id(genesis.raw)), [genesis])

    def take_home(self, space: Space) -> None:
        """This is the home space now."""
        self._home = (Home(space.engine, self.app), space)
        self._contact_names = self.home.contacts()
        space.engine.watch(lambda _: self._home_changed())

    def _home_changed(self) -> None:
        self.tend_soon()
        self.tell()

    def _find_home(self) -> None:
        """Open the home space; of a device just added it may not be here yet (J5)."""
        for record in self.shelf.records():
            shelved = self.shelf.get(record.space) if record.is_home else None
            if shelved is not None and shelved.space is not None:
                self.take_home(shelved.space)

    @property
    def home(self) -> Home:
        """The home space, as what it is for.

        Raises:
            NotFound: This device was just added, and the home space has not come yet.
        """
        return self._home_parts()[0]

    @property
    def home_space(self) -> Space:
        """The home space."""
        return self._home_parts()[1]

    def _home_parts(self) -> tuple[Home, Space]:
        if self._home is None:
            raise NotFound(
                "What belongs to you is not on this device yet.",
                "It comes when another device of yours is online.",
            )
        return self._home

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed is not None

    def check_open(self) -> None:
        """Refuse use after close.

        Raises:
            Closed: It was closed.
        """
        if self._closed is not None:
            raise self._closed

    def close(self, where: str = "") -> None:
        """Close; up to 2 s to send what is unsent; any number of times.

        Args:
            where: File and line, for the error of whoever uses it afterwards.
        """
        with self._lock:
            if self._closed is not None:
                return
            self._closed = Closed.of(self.name, where or "another place")
        if self.mesh is not None:
            self._sign_heads()
            self.node.run(self.mesh.drain, SEND_SECONDS)
        self.node.stop()
        self.callbacks.stop(SEND_SECONDS)
        self.shelf.close(self._closed)
        self._setup.folder.close()

    def _sign_heads(self) -> None:
        for shelved in self.shelf.all_open():
            try:
                if shelved.space is not None:
                    shelved.space.engine.release()
            except KithError as error:
                # As on a full disk: the next opening signs it; closing goes on.
                _log.warning("The head of a space is signed later: %s.", error.code)

    @property
    def me(self) -> Me:
        """Whose it is, and the keys of this device."""
        assert self._me is not None  # noqa: S101 - set when the vault is opened
        return self._me

    @property
    def identity(self) -> IdentityId:
        """Whose it is."""
        return self.me.identity

    @property
    def name(self) -> str:
        """The person's name."""
        return self._me.name if self._me is not None else self._setup.name

    @property
    def device_name(self) -> str:
        """This device's name."""
        return self.me.device_name

    @property
    def device(self) -> KeyPair:
        """This device's signing keys (N4)."""
        return self.me.sign

    @property
    def agree(self) -> KeyPair:
        """This device's key-agreement keys (K2)."""
        return self.me.agree

    def identity_entries(self) -> list[SignedEntry]:
        """One's own identity log, parents first."""
        if self._home is None:
            return self.records.entries()
        return self.home.engine.membership.identity_entries(self.identity)

    def name_of(self, space: SpaceId, otherwise: str) -> str:
        """What a space is called; one whose name was not noted yet is opened for it."""
        opened = {one.record.space: one.space for one in self.shelf.all_open()}.get(space)
        if opened is None and not otherwise:
            shelved = self.shelf.get(space)
            opened = shelved.space if shelved is not None else None
        return opened.name if opened is not None else otherwise

    def has_spaces(self) -> bool:
        """Whether there are spaces of one's own."""
        return any(not one.is_home for one in self.shelf.records())

    def space_of(self, space: SpaceId) -> Space:
        """An open space, the home space too."""
        shelved = self.shelf.get(space)
        if shelved is None:
            raise NotFound("This space is not in this vault.", "`kith space ls` lists them.")
        if shelved.space is None:
            name = f"“{shelved.record.name}”" if shelved.record.name else "This space"
            raise NotFound(
                f"{name} is not on this device yet.",
                "It comes when somebody who is in it is online.",
            )
        return shelved.space

    def all_spaces(self) -> list[Space]:
        """All spaces, opened, the home space first."""
        found = [one for one in self.shelf.open_all() if one.space is not None]
        found.sort(key=lambda one: not one.record.is_home)
        return [one.space for one in found if one.space is not None]

    def left(self, space: SpaceId) -> None:
        """One has left a space: remember it."""
        record = self.shelf.record(space)
        if record is not None:
            self.shelf.put_record(record._replace(is_left=True))
            self.home.put_space(space, self.name_of(space, record.name), is_left=True)
        self.tell()

    def renamed(self, space: SpaceId) -> None:
        """A space has another name: remember it."""
        record = self.shelf.record(space)
        if record is not None:
            name = self.name_of(space, record.name)
            self.shelf.put_record(record._replace(name=name))
            self.home.put_space(space, name, is_left=record.is_left)
        self.tell()

    def become(self, me: Me) -> None:
        """From now on this is who one is: a device of another identity (J5)."""
        self._me = me
        self._home = None
        self.shelf.be(me)

    def used_nameplates(self) -> set[str]:
        """Nameplates that other nodes of this computer have announced."""
        return self._setup.nameplates()

    def listen_address(self) -> str:
        """Where this node listens beyond the computer; empty: nowhere."""
        return self.side.listen_at or ""

    def invitations_changed(self) -> None:
        """Tell the mesh."""
        if self.mesh is not None:
            self.mesh.invitations_changed()

    def publish_identity(self) -> None:
        """Bring one's identity log into every space (I11)."""
        self.devices.publish()

    def meet(self, identity: IdentityId, name: str, how: str) -> None:
        """Remember a person."""
        self.home.put_contact(identity, name, how)
        self._contact_names = {**self._contact_names, identity: name}

    def _known_name(self, identity: IdentityId) -> str:
        if identity == self.identity:
            return self.name
        return self._contact_names.get(identity, "")

    def shared_spaces(self) -> list[Space]:
        """All spaces, opened, but the home space."""
        home = None if self._home is None else self._home[1]
        return [space for space in self.all_spaces() if space is not home]

    def outside(self) -> Outside:
        """What holds for the whole vault."""
        opened = [one.space for one in self.shelf.all_open() if one.space is not None]
        full = None
        if any(space.engine.is_disk_full for space in opened):
            full = Full("disk of this computer", *self._setup.disk())
        return Outside("off" if self.mesh is None else "on", full)

    def _amount(self, space: SpaceId) -> Had:
        shelved = self.shelf.get(space)
        if shelved is None or shelved.space is None:
            return Had(0, 0)
        return shelved.space.people.amount()

    def _seen(self, space: SpaceId) -> None:
        for shelved in self.shelf.all_open():
            if shelved.record.space == space and shelved.space is not None:
                shelved.space.look_whether_synced()
        self.tell()

    def watch(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when spaces, devices or contacts have changed."""
        self._calls = (*self._calls, call)

        def stop() -> None:
            self._calls = tuple(one for one in self._calls if one is not call)

        return stop

    def tell(self) -> None:
        """Tell whoever watches spaces, devices and contacts."""
        for call in self._calls:
            self.run_later(call)

    def run_later(self, call: Callable[[], None]) -> None:
        """Run on the thread `kithspace-callbacks`, in order."""
        self.callbacks.run_later(call)

    def tend_soon(self) -> None:
        """Bring home space and spaces into agreement, soon, on the node's thread.

        May be called under a space's lock: nothing is locked here (G4).
        """
        if not self._is_tending:
            self._is_tending = True
            if not self.node.post(self._tend):
                self._is_tending = False

    def _tend(self) -> None:
        self._is_tending = False
        try:
            self.tend()
        except KithError as error:
            _log.info("The home space is tended later: %s", error.code)

    def tend(self) -> None:
        """Bring home space and spaces into agreement, now; on the node's thread, or in tests."""
        with self._tending:
            if self._closed is not None:
                return
            if self._home is None:
                self._find_home()
            if self._home is not None:
                self._contact_names = self.home.contacts()
                tend(self)
