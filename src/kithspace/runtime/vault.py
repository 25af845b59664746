"""What does the API get when it opens a vault? The port `VaultBackend`.

Rules: E2 (spaces), G4 (any thread may call; nothing waits for another party), experience.md
section 2 (what each method does, and raises after close).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core.naming import check_name
from kithspace.ports import SpaceInfo
from kithspace.runtime.invitations import DEVICE, DEVICE_HOURS
from kithspace.runtime.overview import contacts_in, status_of
from kithspace.runtime.setup import Setup
from kithspace.runtime.vault_core import VaultCore

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.ids import DeviceKey, IdentityId, SpaceId
    from kithspace.ports import (
        ContactInfo,
        DeviceInfo,
        InvitationInfo,
        MemberInfo,
        Outcome,
        SpaceBackend,
        Status,
    )
    from kithspace.runtime.pending import Deferred
    from kithspace.runtime.space import Space

__all__ = ["Setup", "Vault"]


class Vault:
    """An open vault.

    Args:
        setup: How it is opened; the folder is closed with the vault, also when opening fails.
    """

    def __init__(self, setup: Setup) -> None:
        self.core = VaultCore(setup)

    @property
    def identity(self) -> IdentityId:
        """Whose it is."""
        return self.core.identity

    @property
    def name(self) -> str:
        """The person's name."""
        return self.core.name

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self.core.is_closed

    def close(self, where: str = "") -> None:
        """Close; up to 2 s to send what is unsent; any number of times.

        Args:
            where: File and line, for the error of whoever uses it afterwards.
        """
        self.core.close(where)

    # ---------------------------------------------------------------- spaces

    def spaces(self) -> list[SpaceInfo]:
        """Spaces of the person, by name; the home space is not among them."""
        core = self.core
        core.check_open()
        found = [
            SpaceInfo(one.space, core.name_of(one.space, one.name), one.is_left, one.created_ms)
            for one in core.shelf.records()
            if not one.is_home
        ]
        return sorted(found, key=lambda info: info.name.casefold())

    def open_space(self, space: SpaceId) -> Space:
        """Return the space; the same one each time."""
        self.core.check_open()
        return self.core.space_of(space)

    def make_space(self, name: str) -> Space:
        """Found a space; one is its admin."""
        core = self.core
        core.check_open()
        check_name("The name of a space", name)
        space = core.shelf.found(name, core.identity_entries(), is_home=False)
        space.names.name_space(name, core.app)
        space.names.introduce(core.name, core.device_name, core.app)
        core.home.put_space(space.id, name)
        core.tell()
        return space

    def join(self, code_or_link: str, *, as_device: bool = False) -> Deferred[SpaceBackend]:
        """Join by a code or link; a code of before gives the same space again."""
        self.core.check_open()
        return self.core.entrance.join(code_or_link, self.core.mesh, as_device=as_device)

    # ---------------------------------------------------------------- people and devices

    def contacts(self) -> list[ContactInfo]:
        """People one shares spaces with."""
        self.core.check_open()
        return contacts_in(self.core.shared_spaces())

    def add_device(self) -> InvitationInfo:
        """Make a code for another device of one's own."""
        self.core.check_open()
        return self.core.inviter.make_code(None, DEVICE, DEVICE_HOURS)

    @property
    def home(self) -> SpaceBackend:
        """The home space (E1)."""
        return self.core.space_of(self.core.home.engine.space)

    def joined(self, invitation: bytes) -> Deferred[MemberInfo]:
        """Wait for another device of one's own to come by a code."""
        return self.core.inviter.joined(invitation)

    def revoke(self, invitation: bytes) -> None:
        """Take a code for a device back."""
        self.core.check_open()
        self.core.inviter.revoke_code(invitation)

    def devices(self) -> list[DeviceInfo]:
        """One's own devices, this one first."""
        self.core.check_open()
        return self.core.devices.all()

    def remove_device(self, device: DeviceKey) -> Outcome:
        """Remove one of one's own devices, in all spaces, with cuts and new keys."""
        self.core.check_open()
        return self.core.devices.remove(device)

    # ---------------------------------------------------------------- how it stands

    def status(self) -> Status:
        """The first sentence that any space has to say."""
        self.core.check_open()
        return status_of(self.core.shared_spaces())

    def setting(self, name: str) -> object:
        """A setting of this device, or None."""
        self.core.check_open()
        return self.core.records.setting(name)

    def set_setting(self, name: str, value: object) -> None:
        """Change a setting of this device (`listen`: HOST:PORT)."""
        self.core.check_open()
        self.core.records.put_setting(name, value)
        self.core.invitations_changed()

    def watch(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when spaces, devices or contacts have changed."""
        return self.core.watch(call)

    def run_later(self, call: Callable[[], None]) -> None:
        """Run on the thread `kithspace-callbacks`, in order."""
        self.core.run_later(call)
