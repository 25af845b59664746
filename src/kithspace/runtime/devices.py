"""Which devices does a person have, and how does one come or go?

Rules: I11 (an identity's log travels inside each space; missing entries are published again), I4,
I6 (who may remove whom is the fold's to say), C1, K5 (a removed device: cut and new key in every
space), J5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kithspace.core.credential import IdentityUpdate
from kithspace.core.identity import (
    RemoveDevice,
    SignedEntry,
    decode_entry,
    entry_bytes,
    sign_entry,
)
from kithspace.core.roles import Role
from kithspace.errors import NotAllowed, NotFound
from kithspace.ports import Outcome

if TYPE_CHECKING:
    from kithspace.core.crypto import KeyPair
    from kithspace.core.ids import DeviceKey, IdentityId
    from kithspace.ports import DeviceInfo
    from kithspace.runtime.space import Space


class Owner(Protocol):
    """What devices ask of the vault."""

    @property
    def identity(self) -> IdentityId:
        """Whose they are."""

    @property
    def device(self) -> KeyPair:
        """This device's signing keys."""

    @property
    def home_space(self) -> Space:
        """The home space."""

    def identity_entries(self) -> list[SignedEntry]:
        """The identity log, parents first."""

    def all_spaces(self) -> list[Space]:
        """All open spaces, the home space first."""


class Devices:
    """The devices of one person.

    Args:
        owner: The vault.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def all(self) -> list[DeviceInfo]:
        """All devices, this one first."""
        found = self._owner.home_space.people.one(self._owner.identity).devices
        return sorted(found, key=lambda device: not device.is_this_one)

    def remove(self, device: DeviceKey) -> Outcome:
        """Remove a device, in all spaces, with cuts and new keys.

        Raises:
            NotFound: There is no such device.
            NotAllowed: It is this one.
        """
        owner = self._owner
        name = next((one.name for one in self.all() if one.key == device), None)
        if name is None:
            raise NotFound("You have no such device.", "`kith devices` lists them.")
        if device == owner.device.public:
            raise NotAllowed("This is the device in your hands.", "Remove it from another one.")
        home = owner.home_space
        with home.engine.lock:
            heads = home.engine.membership.identity_heads(owner.identity)
            body = RemoveDevice(device, "lost")
            raw = entry_bytes(owner.identity, heads, owner.device.public, body)
            self._update(home, [sign_entry(raw, owner.device)])
        self.publish()
        which = f"your {name or 'device'}"
        return Outcome(
            f"From now on {which} receives nothing new and its changes are refused.",
            "What is on it stays on it; nobody can take that back.",
        )

    def publish(self) -> None:
        """Bring the identity log into every space (I11)."""
        owner = self._owner
        entries = owner.identity_entries()
        for space in owner.all_spaces():
            with space.engine.lock:
                if space.engine.is_closed or space.engine.role is Role.NONE:
                    continue
                known = set(space.engine.membership.identity_entries(owner.identity))
                lacking = [entry for entry in entries if entry not in known]
                if lacking:
                    self._update(space, lacking)

    def _update(self, space: Space, entries: list[SignedEntry]) -> None:
        """Write new entries into a space, with a cut for each device that goes."""
        removed = {decode_entry(entry).removed for entry in entries} - {None}
        cuts = tuple(
            (device, space.acts.cut(self._owner.identity, device))
            for device in sorted(one for one in removed if one is not None)
        )
        engine = space.engine
        engine.admit_own([engine.make_credential(IdentityUpdate(tuple(entries), cuts))])
        if removed and engine.role >= Role.WRITER:
            engine.keyring.prepare()
