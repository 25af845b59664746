"""Who is a member in a kept set, with which role and which live devices?

Rules (security.md 4.2):
    M11  Members are those whose role in E is not none; their devices are the live ones by entries
         in E, less the barred ones.

A roster follows a kept set: it looks again only at the identities that the difference is about.
"""

from dataclasses import dataclass, field
from typing import Self

from kithspace.core.credential import Admit, Genesis, IdentityUpdate, Lower, Raise, Remove
from kithspace.core.fold.graph import Bits, Graph, members_of
from kithspace.core.fold.view import View, m3_role
from kithspace.core.identity import Device
from kithspace.core.ids import DeviceKey, IdentityId
from kithspace.core.roles import Role


@dataclass(slots=True)
class Roster:
    """Members of the kept set `bits`. Only `Membership` changes one, its own copy."""

    bits: Bits = 0
    roles: dict[IdentityId, Role] = field(default_factory=dict)
    devices: dict[IdentityId, tuple[Device, ...]] = field(default_factory=dict)

    def copy(self) -> Self:
        """Return a roster that can move on by itself."""
        return type(self)(self.bits, self.roles.copy(), self.devices.copy())

    def follow(self, graph: Graph, kept: Bits) -> None:
        """Move to another kept set."""
        view = View(graph, kept)
        touched = {_who(graph, i) for i in members_of(self.bits ^ kept)} - {None}
        self.bits = kept
        for who in touched:
            if who is not None:
                self._look(view, who)

    def device_keys(self) -> list[DeviceKey]:
        """The signing keys of all live devices, sorted."""
        return sorted(device.sign for devices in self.devices.values() for device in devices)

    def _look(self, view: View, who: IdentityId) -> None:
        role = m3_role(view, who)
        if role is Role.NONE:
            self.roles.pop(who, None)
            self.devices.pop(who, None)
            return
        self.roles[who] = role
        self.devices[who] = tuple(view.devices(who).values())


def _who(graph: Graph, i: int) -> IdentityId | None:
    """The identity whose role or devices a credential is about."""
    c = graph.credentials[i]
    match c.body:
        case Admit(identity=who) | Raise(identity=who) | Lower(identity=who) | Remove(identity=who):
            return who
        case Genesis() | IdentityUpdate():
            return c.issuer
        case _:
            return None
