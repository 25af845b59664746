"""Which key generations are there, and under which is written?

Rules (security.md 6):
    K5  Write under the greatest (n, id) among the counting generations whose past holds every
        counting revoker that asks for a new key, and to which one has the key. None: make one.
    K6  A removal of an identity or device, a lowering to keeper, and a cancel of an invite that
        carried keys ask for a new key.
    So that no generation is used whose key lies with somebody who is not a member (an admit that
    became void by M10 leaves no revoker behind), its recipients must all be live devices now.
"""

from typing import NamedTuple

from kithspace.core.credential import Cancel, IdentityUpdate, KeyGeneration, Lower, Remove
from kithspace.core.fold.authority import find_invite
from kithspace.core.fold.graph import Bits, Graph, members_of
from kithspace.core.fold.roster import Roster
from kithspace.core.fold.state import FoldState, fold_of
from kithspace.core.fold.view import View
from kithspace.core.ids import (
    GENERATION_ID_BYTES,
    CredentialId,
    GenerationId,
    IdentityId,
)
from kithspace.core.roles import Role


class Generation(NamedTuple):
    """A key generation that the space knows; `counts`: it is in E."""

    id: GenerationId
    n: int
    credential: CredentialId
    body: KeyGeneration
    author: IdentityId
    time_ms: int
    counts: bool


def generation_id(credential: CredentialId) -> GenerationId:
    """K1: the first 16 bytes of the credential's id name the generation."""
    return GenerationId(credential[:GENERATION_ID_BYTES])


def generations(view: View) -> list[Generation]:
    """All admissible generations, the greatest (n, id) first."""
    found = [_generation(view, i) for i in members_of(view.graph.generations)]
    return sorted((g for g in found if g), key=lambda g: (g.n, g.id), reverse=True)


def generation_heads(view: View) -> list[Generation]:
    """K4: the generations with none after them."""
    graph = view.graph
    indexes = list(members_of(graph.generations))
    heads = [i for i in indexes if not any(graph.is_before(i, j) for j in indexes)]
    return [g for g in (_generation(view, i) for i in heads) if g]


def k5_usable(state: FoldState, roster: Roster, view: View) -> list[GenerationId]:
    """K5: the generations under which may be written, the one to prefer first."""
    due, index = k6_revokers(view), view.graph.index
    fresh = [
        g for g in generations(view) if g.counts and not due & ~view.graph.past(index[g.credential])
    ]
    return [
        g.id for g in fresh if _is_sealed_to_members(state, roster, view.graph, index[g.credential])
    ]


def k6_revokers(view: View) -> Bits:
    """K6: counting revokers after which a new key is due."""
    due: Bits = 0
    for r in members_of(view.graph.revokers & view.bits):
        match view.graph.credentials[r].body:
            case Remove() | IdentityUpdate():
                due |= 1 << r
            case Lower(role=Role.KEEPER):
                due |= 1 << r
            case Cancel(invite=invite):
                found = find_invite(view.graph, invite)
                due |= 1 << r if found and found.body.sealed_keys is not None else 0
            case _:
                pass
    return due


def _is_sealed_to_members(state: FoldState, roster: Roster, graph: Graph, i: int) -> bool:
    then = roster.copy()
    then.follow(graph, fold_of(state, graph, graph.past(i)))
    return frozenset(then.device_keys()) <= frozenset(roster.device_keys())


def _generation(view: View, i: int) -> Generation | None:
    c = view.graph.credentials[i]
    if not isinstance(c.body, KeyGeneration):
        return None
    counts = bool(view.bits >> i & 1)
    return Generation(generation_id(c.id), c.body.n, c.id, c.body, c.issuer, c.time_ms, counts)
