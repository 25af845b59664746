"""May this feed be written, by which grant, and where is it cut?

Rules (security.md 5, 7):
    V4  The open record is of this space; `auth` is an admissible grant of writer or more to its
        identity; an admissible credential introduced its device.
    C1  A feed counts as far as every counting revoker that ends its grant, or takes its device
        away, lets it; nothing counts if its grant or its device's introduction is not in E.
    C3  accept-held revives blocks, not rights.
"""

from collections.abc import Collection
from enum import Enum
from typing import NamedTuple

from kithspace.core.block import OpenRecord
from kithspace.core.credential import (
    AcceptHeld,
    Admit,
    Credential,
    Cut,
    Genesis,
    IdentityUpdate,
    Lower,
    Raise,
    Remove,
)
from kithspace.core.cut import EVERYTHING, Accepted, Cuts, heads_of_feed
from kithspace.core.fold.graph import Graph, members_of
from kithspace.core.fold.view import View, granted_by
from kithspace.core.ids import CredentialId, DeviceKey, IdentityId, SpaceId
from kithspace.core.roles import Role


class FeedRight(Enum):
    """What V4 says of an open record."""

    STANDS = "stands"
    UNKNOWN = "unknown"
    """Its grant, or its device, is not known yet: ask for credentials once."""
    REFUSED = "refused"


class _Ender(NamedTuple):
    """A counting revoker that bounds a feed, with the heads it lists for it."""

    at: int
    heads: Cut


def v4_feed_right(graph: Graph, space: SpaceId, opening: OpenRecord) -> FeedRight:
    """V4: does an admissible grant of writer or more, and an introduced device, stand behind it?"""
    if opening.space != space:
        return FeedRight.REFUSED
    i = graph.index.get(opening.auth)
    if i is None:
        return FeedRight.UNKNOWN
    if granted_by(graph, i) < Role.WRITER or _grantee(graph.credentials[i]) != opening.identity:
        return FeedRight.REFUSED
    if opening.identity not in graph.owners.get(opening.device, ()):
        return FeedRight.UNKNOWN
    return FeedRight.STANDS


def auth_for(view: View, who: IdentityId) -> CredentialId | None:
    """The grant to name in a new open record: the latest that nothing ends; None: may not write."""
    graph = view.graph
    grants = [i for i in view.about(who) if granted_by(graph, i) >= Role.WRITER]
    for i in sorted(grants, key=graph.keys.__getitem__, reverse=True):
        if not any(True for _ in _enders_of_grant(view, who, i)):
            return graph.credentials[i].id
    return None


def c1_cuts(view: View, opening: OpenRecord, branches: Collection[bytes] = ()) -> Cuts:
    """C1, C3: what bounds one feed.

    Args:
        view: E.
        opening: The feed's open record.
        branches: Ids of the feed's branches, if it forked: cuts may name them too.
    """
    names = frozenset((opening.id, *branches))
    i = view.graph.index.get(opening.auth)
    if i is None or not _stands(view, opening, i):
        return Cuts(is_void=True, bounds=(), accepted=_c3_accepted(view, names, []))
    enders = [*_enders_of_grant(view, opening.identity, i), *_enders_of_device(view, opening)]
    enders = [_Ender(e.at, heads_of_feed(e.heads, names)) for e in enders]
    if not enders:
        return EVERYTHING
    bounds = tuple(e.heads for e in enders)
    return Cuts(is_void=False, bounds=bounds, accepted=_c3_accepted(view, names, enders))


def _stands(view: View, opening: OpenRecord, auth: int) -> bool:
    graph = view.graph
    return (
        bool(view.bits >> auth & 1)
        and granted_by(graph, auth) >= Role.WRITER
        and _grantee(graph.credentials[auth]) == opening.identity
        and opening.device in view.standing(opening.identity).added
    )


def _enders_of_grant(view: View, who: IdentityId, auth: int) -> list[_Ender]:
    """Removals of the identity, and lowerings below writer, that are not in the grant's past."""
    graph = view.graph
    found = []
    for i in view.about(who):
        if graph.is_before(i, auth):
            continue
        match graph.credentials[i].body:
            case Remove(cut=cut):
                found.append(_Ender(i, cut))
            case Lower(role=role, cut=cut) if role < Role.WRITER:
                found.append(_Ender(i, cut or ()))
            case _:
                pass
    return found


def _enders_of_device(view: View, opening: OpenRecord) -> list[_Ender]:
    """Removals of the device, by an admin or in the identity's own log."""
    graph, who, device = view.graph, opening.identity, opening.device
    found = []
    for i in members_of(graph.barred.get((who, device), 0) & view.bits):
        body = graph.credentials[i].body
        if isinstance(body, Remove):
            found.append(_Ender(i, body.cut))
    for i in graph.with_entries.get(who, ()):
        c = graph.credentials[i]
        if view.bits >> i & 1 and isinstance(c.body, IdentityUpdate):
            found += _ends_by_update(c, c.body, i, opening, device)
    return found


def _ends_by_update(
    c: Credential, body: IdentityUpdate, i: int, opening: OpenRecord, device: DeviceKey
) -> list[_Ender]:
    """An update that removes the device ends all its feeds; else it cuts only feeds it names."""
    is_removed = any(entry.removed == device for entry in c.entries)
    for key, cut in body.cuts:
        if key == device and (is_removed or any(head.feed == opening.id for head in cut)):
            return [_Ender(i, cut)]
    return []


def _c3_accepted(
    view: View, names: frozenset[bytes], enders: Collection[_Ender]
) -> tuple[Accepted, ...]:
    graph = view.graph
    found = []
    for i in members_of(graph.accepts & view.bits):
        body = graph.credentials[i].body
        heads = heads_of_feed(body.heads, names) if isinstance(body, AcceptHeld) else ()
        if heads:
            bound = tuple(e.heads for e in enders if not graph.is_before(e.at, i))
            found.append(Accepted(heads, bound))
    return tuple(found)


def _grantee(c: Credential) -> IdentityId | None:
    match c.body:
        case Genesis():
            return c.issuer
        case Admit(identity=who) | Raise(identity=who):
            return who
        case _:
            return None
