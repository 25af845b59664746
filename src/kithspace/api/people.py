"""Who is in a space, and by which devices and invitations?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.api.links import moment
from kithspace.api.overriding import override
from kithspace.core.ids import to_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from kithspace.api.pending import Pending
    from kithspace.ports import (
        DeviceInfo,
        InvitationInfo,
        MemberInfo,
        Outcome,
        SpaceBackend,
    )


class Device:
    """A device of a person, as it was when this was read.

    Args:
        info: What is known of it.
        remove: Removes it.
    """

    __slots__ = ("_info", "_remove")

    def __init__(self, info: DeviceInfo, remove: Callable[[], Outcome]) -> None:
        self._info = info
        self._remove = remove

    @property
    def id(self) -> str:
        """Its id."""
        return to_text(self._info.key)

    @property
    def name(self) -> str:
        """Its name."""
        return self._info.name

    @property
    def is_this_one(self) -> bool:
        """Whether it is the one that this runs on."""
        return self._info.is_this_one

    @property
    def is_here(self) -> bool:
        """Whether it is connected now."""
        return self._info.is_here

    @property
    def has_everything(self) -> bool:
        """Whether it has all that is here."""
        return self._info.has_everything

    @property
    def last_seen(self) -> datetime | None:
        """When it was connected last."""
        ms = self._info.last_seen_ms
        return None if ms is None else moment(ms)

    def remove(self) -> Outcome:
        """Remove it: it gets nothing new, and what it writes is refused.

        Raises:
            NotAllowed: It is not yours to remove.
        """
        return self._remove()

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and self._info == other._info

    @override
    def __hash__(self) -> int:
        return hash(self._info.key)

    @override
    def __repr__(self) -> str:
        return f"<Device {self.name}>"


class Member:
    """A member of a space, as it was when this was read."""

    __slots__ = ("_backend", "_info")

    def __init__(self, info: MemberInfo, backend: SpaceBackend) -> None:
        self._info = info
        self._backend = backend

    @property
    def id(self) -> str:
        """The person's id."""
        return to_text(self._info.identity)

    @property
    def name(self) -> str:
        """The person's name."""
        return self._info.name

    @property
    def role(self) -> str:
        """`admin`, `writer`, `reader` or `keeper`."""
        return self._info.role

    @property
    def is_me(self) -> bool:
        """Whether this is the vault's own person."""
        return self._info.is_me

    @property
    def is_here(self) -> bool:
        """Whether one of the person's devices is connected now."""
        return self._info.is_here

    @property
    def last_seen(self) -> datetime | None:
        """When one was connected last."""
        ms = self._info.last_seen_ms
        return None if ms is None else moment(ms)

    @property
    def devices(self) -> Sequence[Device]:
        """The person's devices."""
        identity, backend = self._info.identity, self._backend
        return [
            Device(info, lambda key=info.key: backend.remove(identity, key))  # type: ignore[misc]
            for info in self._info.devices
        ]

    def change_role(self, role: str) -> Outcome:
        """Raise or lower the person; returns what will and what will not be true.

        Raises:
            NotAllowed: Only admins do, or it would leave no admin.
        """
        return self._backend.change_role(self._info.identity, role)

    def remove(self) -> Outcome:
        """Remove the person; returns what will and what will not be true.

        Raises:
            NotAllowed: Only admins do, or it would leave no admin.
        """
        return self._backend.remove(self._info.identity)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Member) and self._info == other._info

    @override
    def __hash__(self) -> int:
        return hash(self._info.identity)

    @override
    def __repr__(self) -> str:
        return f"<Member {self.name}, {self.role}>"


class Contact:
    """A person one shares spaces with."""

    __slots__ = ("id", "name")

    def __init__(self, identity: bytes, name: str) -> None:
        self.id = to_text(identity)
        self.name = name

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Contact) and (self.id, self.name) == (other.id, other.name)

    @override
    def __hash__(self) -> int:
        return hash(self.id)

    @override
    def __repr__(self) -> str:
        return f"<Contact {self.name}>"


class Invitation:
    """An open invitation.

    Args:
        code: What it says.
        make_link: Makes the link to the same space.
        wait: Waits for somebody to come by it.
        revoke: Takes it back.
    """

    def __init__(
        self,
        code: InvitationInfo,
        make_link: Callable[[], InvitationInfo],
        wait: Callable[[bytes], Pending[Member]],
        revoke: Callable[[bytes], None],
    ) -> None:
        self._code = code if code.code else None
        self._link = code if code.link else None
        self._first = code
        self._make_link = make_link
        self._wait = wait
        self._revoke = revoke

    @property
    def code(self) -> str:
        """The one-time code: `7-marble-salad-tiger`; empty if only a link was asked for."""
        return self._code.code if self._code is not None else ""

    @property
    def link(self) -> str:
        """The link, which is good while the inviter is offline; made when it is asked for."""
        if self._link is None:
            self._link = self._make_link()
        return self._link.link

    @property
    def role(self) -> str:
        """What whoever comes will be."""
        return self._first.role

    @property
    def expires(self) -> datetime:
        """Until when it is good."""
        return moment(self._first.expires_ms)

    def joined(self) -> Pending[Member]:
        """Wait for somebody to come by it."""
        return self._wait(self._first.id)

    def revoke(self) -> None:
        """Take it back; whoever has come stays."""
        for one in (self._code, self._link):
            if one is not None:
                self._revoke(one.id)

    @override
    def __repr__(self) -> str:
        return f"<Invitation {self.code or self.link}, {self.role}>"
