"""May this credential's issuer do this, given what counts in a view?

Rules (security.md 4.1, 4.2):
    M4   The issuer's device is live, its role meets the table, and the act makes sense: nobody is
         admitted twice, raised downwards, or removed as the last admin.
    M12  No revoker leaves a space without an admin that has a live device.
    M14  A device of somebody who is not admin has at most 1,024 credentials in a past.
"""

from typing import Final, NamedTuple, assert_never

from kithspace.core.credential import (
    AcceptHeld,
    Admit,
    Cancel,
    Checkpoint,
    Cosign,
    Credential,
    Genesis,
    IdentityUpdate,
    Invite,
    KeyGeneration,
    Lower,
    Purge,
    Raise,
    Remove,
    Settings,
)
from kithspace.core.fold.graph import Bits, Graph, is_revoker
from kithspace.core.fold.view import View, m3_role
from kithspace.core.ids import CredentialId, DeviceKey, IdentityId
from kithspace.core.roles import ADMIT_BY, Role

QUOTA: Final = 1_024


class KnownInvite(NamedTuple):
    """An invite that is in the graph."""

    at: int
    issuer: IdentityId
    body: Invite


def find_invite(graph: Graph, invite: CredentialId) -> KnownInvite | None:
    """Return an invite by its id; None if there is no such credential, or it is no invite."""
    i = graph.index.get(invite)
    if i is None:
        return None
    c = graph.credentials[i]
    return KnownInvite(i, c.issuer, c.body) if isinstance(c.body, Invite) else None


def role_needed(graph: Graph, c: Credential) -> Role:
    """The least role that the table of security.md 4.1 asks of the issuer."""
    match c.body:
        case Remove(identity=who) | Lower(identity=who):
            return Role.KEEPER if who == c.issuer else Role.ADMIN
        case Cancel(invite=invite):
            found = find_invite(graph, invite)
            return Role.KEEPER if found and found.issuer == c.issuer else Role.ADMIN
        case Admit(invite=invite) if invite is not None:
            found = find_invite(graph, invite)
            return ADMIT_BY[found.body.admit_by] if found else Role.ADMIN
        case IdentityUpdate():
            return Role.KEEPER
        case Cosign():
            return Role.READER
        case KeyGeneration() | Checkpoint() | Purge():
            return Role.WRITER
        case Genesis() | Admit() | Raise() | Invite() | Settings() | AcceptHeld():
            return Role.ADMIN
        case _ as never:
            assert_never(never)


def m4_authorised(c: Credential, view: View) -> bool:
    """M4: may the issuer do this, given what counts in `view`?"""
    if isinstance(c.body, Genesis):
        return _founds(c)
    own = c.entries if isinstance(c.body, IdentityUpdate) else ()
    if m3_role(view, c.issuer) < role_needed(view.graph, c):
        return False
    if not view.is_live(c.issuer, c.device, own):
        return False
    if not _makes_sense(c, view):
        return False
    return not is_revoker(c) or isinstance(c.body, Cancel) or m12_leaves_admin(c, view)


def m12_leaves_admin(c: Credential, view: View) -> bool:
    """M12: does somebody with a live device stay admin when `c` is added to the view?"""
    body = c.body
    if isinstance(body, Remove | Lower) and not (isinstance(body, Remove) and body.device):
        return view.has_admin(besides=body.identity)
    who = body.identity if isinstance(body, Remove) else c.issuer
    if view.has_admin(besides=who):
        return True
    left = view.devices(who, c.entries)
    if isinstance(body, Remove) and body.device:
        left.pop(body.device, None)
    return m3_role(view, who) is Role.ADMIN and bool(left)


def m14_within_quota(c: Credential, past: Bits, view: View) -> bool:
    """M14: the device has not filled the past with more than its share, unless it is an admin's."""
    mine = view.graph.by_device.get(c.device, 0) & past
    return mine.bit_count() <= QUOTA or m3_role(view, c.issuer) is Role.ADMIN


def _founds(c: Credential) -> bool:
    """The genesis is signed by a device that the founder's own entries make live."""
    if c.parents:
        return False
    return c.device in View(Graph(), 0).devices(c.issuer, c.entries)


def _makes_sense(c: Credential, view: View) -> bool:
    match c.body:
        case Admit():
            return _may_admit(c, c.body, view)
        case Raise(identity=who, role=role):
            return Role.NONE < m3_role(view, who) < role
        case Lower(identity=who, role=role):
            return role < m3_role(view, who)
        case Remove(identity=who, device=None):
            return m3_role(view, who) > Role.NONE
        case Remove(identity=who, device=device):
            return m3_role(view, who) > Role.NONE and device in view.devices(who)
        case Cancel(invite=invite):
            found = find_invite(view.graph, invite)
            return found is not None and bool(view.bits >> found.at & 1)
        case IdentityUpdate():
            return not _speaks_through_barred(c, view)
        case Cosign(checkpoint=checkpoint):
            i = view.graph.index.get(checkpoint)
            return i is not None and isinstance(view.graph.credentials[i].body, Checkpoint)
        case _:
            return True


def _may_admit(c: Credential, body: Admit, view: View) -> bool:
    if m3_role(view, body.identity) > Role.NONE:
        return False
    if body.invite is None:
        return True
    invite = find_invite(view.graph, body.invite)
    return (
        invite is not None
        and bool(view.bits >> invite.at & 1)
        and not view.graph.cancels.get(body.invite, 0) & view.bits
        and m3_role(view, invite.issuer) is Role.ADMIN
        and body.role is invite.body.role
        and c.time_ms <= invite.body.expires_ms
        and not _was_removed(body.identity, view)
    )


def _speaks_through_barred(c: Credential, view: View) -> bool:
    """Whether a new entry was signed by a device that is barred here: it adds nothing any more."""
    known = view.entries_of(c.issuer)
    barred = view.graph.barred
    return any(
        entry.id not in known and barred.get((c.issuer, DeviceKey(entry.issuer)), 0) & view.bits
        for entry in c.entries
    )


def _was_removed(who: IdentityId, view: View) -> bool:
    """Who was removed by another comes back by an admin's own admit, never by a link."""
    credentials = (view.graph.credentials[i] for i in view.about(who))
    return any(isinstance(c.body, Remove) and c.issuer != who for c in credentials)
