"""Which credentials of a set stay, once it is said what is void?

Rules (security.md 4.2):
    M9   In order, keep c iff it is not void and authorised by the kept ones in its past: who was
         admitted by a void act was not admitted.
    M10  Of the kept admits by one invite the first `uses` stay, by order; the others are void.

A space's fold is done in segments: `base` is what was kept of everything that all of a segment has
in its past. It is settled and never looked at again (security.md 4.2, M7, settled past).
"""

from collections.abc import Sequence

from kithspace.core.credential import Admit
from kithspace.core.fold.authority import find_invite, m4_authorised
from kithspace.core.fold.graph import Bits, Graph, members_of
from kithspace.core.fold.view import View


def m9_keep(graph: Graph, base: Bits, order: Sequence[int], void: Bits) -> Bits:
    """M9: `base` and those of `order` (sorted) that are not void and still authorised."""
    kept = base
    for i in order:
        if void >> i & 1:
            continue
        if m4_authorised(graph.credentials[i], View(graph, graph.past(i) & kept)):
            kept |= 1 << i
    return kept


def m10_overused(graph: Graph, kept: Bits, segment: Bits) -> Bits:
    """M10: the admits of a segment beyond the uses of their invite."""
    invites = {
        c.body.invite
        for c in (graph.credentials[i] for i in members_of(kept & segment))
        if isinstance(c.body, Admit) and c.body.invite is not None
    }
    beyond: Bits = 0
    for invite in invites:
        found = find_invite(graph, invite)
        uses = graph.uses.get(invite, 0) & kept
        if found and uses.bit_count() > found.body.uses:
            for i in graph.in_order(uses)[found.body.uses :]:
                beyond |= 1 << i
    return beyond


def settle(graph: Graph, base: Bits, order: Sequence[int], void: Bits) -> Bits:
    """M9, M10, and M9 once more."""
    kept = m9_keep(graph, base, order, void)
    segment = sum(1 << i for i in order)
    beyond = m10_overused(graph, kept, segment)
    return m9_keep(graph, base, order, void | beyond) if beyond else kept
