"""How strong is a revoker, what leans on what it takes away, and what holds it up?

Rules (security.md 4.2):
    M6  Rank of a revoker: (seniority of its issuer in its past, I3 rank of the device that signed
        it, or for an identity-update of whoever signed the removing entry, depth, id). Less is
        stronger. It is fixed when the revoker is made.
    M8  Strong removal: when a revoker counts, what is concurrent with it and leans on its target
        does not count.
"""

from typing import TypeAlias

from kithspace.core.credential import (
    Admit,
    Cancel,
    Credential,
    IdentityUpdate,
    Lower,
    Remove,
)
from kithspace.core.fold.authority import find_invite, role_needed
from kithspace.core.fold.graph import Bits, Graph, Key, members_of
from kithspace.core.fold.view import View, m5_since, standing_grants
from kithspace.core.identity import Entry
from kithspace.core.ids import DeviceKey, IdentityId

Rank: TypeAlias = tuple[Key, int, Key]


def m6_rank(c: Credential, key: Key, view: View) -> Rank:
    """M6: `view` is the fold of the revoker's past; less is stronger."""
    return m5_since(view, c.issuer), _hand_rank(c, view), key


def _hand_rank(c: Credential, view: View) -> int:
    removing = [entry.issuer for entry in c.entries if entry.removed is not None]
    if not isinstance(c.body, IdentityUpdate):
        return view.device_rank(c.issuer, c.device)
    # Of several, the weakest: nobody gains rank by carrying a stronger hand's entry along.
    return max(view.device_rank(c.issuer, issuer, c.entries) for issuer in removing)


def target_of(c: Credential) -> IdentityId | None:
    """Whom a revoker is about; None for a cancel."""
    match c.body:
        case Remove(identity=who) | Lower(identity=who):
            return who
        case IdentityUpdate():
            return c.issuer
        case _:
            return None


def m8_leans(graph: Graph, c: Credential, revoker: Credential) -> bool:
    """M8: does `c` rest on a right that `revoker` takes away? Concurrency is the caller's part."""
    match revoker.body:
        case Cancel(invite=invite):
            return isinstance(c.body, Admit) and c.body.invite == invite
        case Remove(identity=who, device=None):
            return c.issuer == who or _used_invite_of(graph, c, who)
        case Lower(identity=who, role=role):
            by_lowered = c.issuer == who and role_needed(graph, c) > role
            return by_lowered or _used_invite_of(graph, c, who)
        case Remove(identity=who, device=device):
            # Also what the device signed for another to carry: it must not add its successor.
            signed = c.device == device or any(e.issuer == device for e in _own_entries(c))
            return c.issuer == who and signed
        case IdentityUpdate():
            gone = {entry.removed for entry in revoker.entries}
            return c.issuer == revoker.issuer and c.device in gone
        case _:
            return False


def m8_hit(graph: Graph, revoker: int, among: Bits) -> Bits:
    """M8: those of `among` that are concurrent with a revoker and lean on its target."""
    r = graph.credentials[revoker]
    hit = 0
    for i in members_of(graph.concurrent_with(revoker, among & ~(1 << revoker))):
        if m8_leans(graph, graph.credentials[i], r):
            hit |= 1 << i
    return hit


def _used_invite_of(graph: Graph, c: Credential, who: IdentityId) -> bool:
    if not isinstance(c.body, Admit) or c.body.invite is None:
        return False
    invite = find_invite(graph, c.body.invite)
    return invite is not None and invite.issuer == who


def m7_support(graph: Graph, revoker: int, view: Bits) -> Bits:
    """M7: what a counting revoker stands on, up to genesis.

    Itself; the least grant that gives its issuer the role it needs; that grant's invite; the
    credential that introduced the device it was signed with; and what these stand on.
    """
    found: Bits = 0
    todo = [revoker]
    while todo:
        i = todo.pop()
        if found >> i & 1:
            continue
        found |= 1 << i
        todo += _stands_on(graph, i, view)
    return found


def _stands_on(graph: Graph, i: int, view: Bits) -> list[int]:
    c = graph.credentials[i]
    before = View(graph, graph.past(i) & view)
    below = standing_grants(before, c.issuer, role_needed(graph, c))[:1]
    below += _introduction(before, c, below)
    if isinstance(c.body, Admit | Cancel) and c.body.invite is not None:
        invite = find_invite(graph, c.body.invite)
        below += [invite.at] if invite else []
    return below


def _introduction(before: View, c: Credential, known: list[int]) -> list[int]:
    """The least credential that introduced the device of `c`, unless `known` did already."""
    graph = before.graph
    found = [
        i
        for i in graph.with_entries.get(c.issuer, ())
        if before.bits >> i & 1 and _introduces(graph.credentials[i], c.device)
    ]
    if not found or set(found) & set(known):
        return []
    return [min(found, key=graph.keys.__getitem__)]


def _own_entries(c: Credential) -> tuple[Entry, ...]:
    return c.entries if isinstance(c.body, IdentityUpdate) else ()


def _introduces(c: Credential, device: DeviceKey) -> bool:
    return any(e.introduced is not None and e.introduced.sign == device for e in c.entries)
