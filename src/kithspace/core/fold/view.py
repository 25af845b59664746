"""What does a set of credentials say about an identity: its role, seniority and devices?

A view is a graph and a bit set of it. It is asked thousands of times in a fold, so every question
looks only at the credentials about one identity.

Rules (security.md 4.2):
    M3  Role: of the role-setting credentials about i with none about i after them: if any takes
        away, the lowest role of those; else the highest granted. Removal beats a concurrent grant.
    M5  Seniority: the least credential, by order, that made i admin with no demotion after it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kithspace.core.credential import Admit, Genesis, Lower, Raise, Remove
from kithspace.core.fold.graph import NEVER, Bits, Graph, Key
from kithspace.core.identity import Device, Entry
from kithspace.core.identity_log import EntryLog, Standing, fold_entries, i3_rank, standing_of
from kithspace.core.ids import DeviceKey, IdentityId
from kithspace.core.roles import Role

NOBODY = Standing({}, frozenset(), frozenset(), None)


class View(NamedTuple):
    """The credentials of `bits`, taken as all there is."""

    graph: Graph
    bits: Bits

    def about(self, who: IdentityId) -> list[int]:
        """The role-setting credentials about an identity in this view, parents first."""
        return [i for i in self.graph.about.get(who, ()) if self.bits >> i & 1]

    def entries_of(self, who: IdentityId, more: Iterable[Entry] = ()) -> frozenset[bytes]:
        """The ids of an identity's entries in this view, and of `more`."""
        found = {entry.id for entry in more}
        for i in self.graph.with_entries.get(who, ()):
            if self.bits >> i & 1:
                found.update(entry.id for entry in self.graph.credentials[i].entries)
        return frozenset(found)

    def log_of(self, who: IdentityId, more: Iterable[Entry] = ()) -> EntryLog | None:
        """All that is known of an identity's log, and `more`; None if that is not admissible."""
        return self.graph.logs.get(who, EntryLog.empty()).with_entries(more)

    def standing(self, who: IdentityId, more: Iterable[Entry] = ()) -> Standing:
        """I1-I5 over the entries of this view: devices by the identity's own word."""
        log, given = self.log_of(who, more), self.entries_of(who, more)
        if log is None:
            return NOBODY
        return standing_of(log, fold_entries(log, given))

    def devices(self, who: IdentityId, more: Iterable[Entry] = ()) -> dict[DeviceKey, Device]:
        """Live devices, less those that a removal in this view bars (M4, M11)."""
        live = self.standing(who, more).live
        barred = self.graph.barred
        return {
            key: device for key, device in live.items() if not barred.get((who, key), 0) & self.bits
        }

    def is_live(self, who: IdentityId, device: DeviceKey, more: Iterable[Entry] = ()) -> bool:
        """Whether a device may act for an identity (M4)."""
        return device in self.devices(who, more)

    def device_rank(self, who: IdentityId, issuer: bytes, more: Iterable[Entry] = ()) -> int:
        """I3 of a key in this view."""
        log = self.log_of(who, more)
        return i3_rank(log, self.entries_of(who, more), issuer) if log else i3_none()

    def admins(self) -> Iterator[IdentityId]:
        """Everybody who is admin and has a live device."""
        for who in self.graph.throne:
            if m3_role(self, who) is Role.ADMIN and self.devices(who):
                yield who

    def has_admin(self, besides: IdentityId | None = None) -> bool:
        """Whether anybody (else) is admin and has a live device (M12)."""
        return any(who != besides for who in self.admins())


def i3_none() -> int:
    """The rank of a key of which nothing is known: weaker than any."""
    return 1 << 30


def m3_role(view: View, who: IdentityId) -> Role:
    """M3: the newest role-setting credentials about `who`; among them removal beats a grant."""
    about = view.about(who)
    if not about:
        return Role.NONE
    graph = view.graph
    newest = (
        about
        if len(about) == 1
        else [i for i in about if not any(graph.is_before(i, j) for j in about)]
    )
    demotions = [role for i in newest if (role := _lowered_to(graph, i)) is not None]
    if demotions:
        return min(demotions)
    return max(granted_by(graph, i) for i in newest)


def m5_since(view: View, who: IdentityId) -> Key:
    """M5: the least credential that made `who` admin with no demotion after it."""
    graph = view.graph
    about = view.about(who)
    demotions = [i for i in about if _lowered_to(graph, i) is not None]
    made = [
        graph.keys[i]
        for i in about
        if granted_by(graph, i) is Role.ADMIN and not any(graph.is_before(i, d) for d in demotions)
    ]
    return min(made, default=NEVER)


def standing_grants(view: View, who: IdentityId, least: Role) -> list[int]:
    """Grants of at least that role with no demotion after them, by order."""
    graph = view.graph
    about = view.about(who)
    demotions = [i for i in about if _lowered_to(graph, i) is not None]
    grants = [
        i
        for i in about
        if granted_by(graph, i) >= max(least, Role.KEEPER)
        and not any(graph.is_before(i, d) for d in demotions)
    ]
    return sorted(grants, key=graph.keys.__getitem__)


def granted_by(graph: Graph, i: int) -> Role:
    """The role that credential i grants; none if it is not a grant."""
    body = graph.credentials[i].body
    if isinstance(body, Genesis):
        return Role.ADMIN
    return body.role if isinstance(body, Admit | Raise) else Role.NONE


def _lowered_to(graph: Graph, i: int) -> Role | None:
    body = graph.credentials[i].body
    if isinstance(body, Remove):
        return Role.NONE
    return body.role if isinstance(body, Lower) else None
