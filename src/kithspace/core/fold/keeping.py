"""Which credentials of a set stay, once it is said what is void?

Rules (security.md 4.2):
    M9   In order, keep c iff it is not void and authorised by the kept ones in its past: who was
         admitted by a void act was not admitted.
    M10  Of the kept admits by one invite the first `uses` stay, by order. Counted in the same walk
         of M9, wherever something is kept: an admit that is not kept uses nothing up, none slips in
         when another falls out, and a revoker's past is judged as it was when it was let in.

A space's fold is done in segments: `base` is what was kept of everything that all of a segment has
in its past. It is settled and never looked at again (security.md 4.2, M7, settled past).
"""

from collections.abc import Iterable

from kithspace.core.credential import Admit
from kithspace.core.fold.authority import find_invite, m4_authorised
from kithspace.core.fold.graph import Bits, Graph
from kithspace.core.fold.view import View


def m9_keep(graph: Graph, base: Bits, order: Iterable[int], void: Bits) -> Bits:
    """M9, M10: `base` and those of `order` (sorted) that are not void and still authorised."""
    kept = base
    for i in order:
        if void >> i & 1 or not m10_has_use_left(graph, kept, i):
            continue
        if m4_authorised(graph.credentials[i], View(graph, graph.past(i) & kept)):
            kept |= 1 << i
    return kept


def m10_has_use_left(graph: Graph, before: Bits, i: int) -> bool:
    """M10: whether the invite of credential i, if it has one, has a use left after `before`."""
    body = graph.credentials[i].body
    if not isinstance(body, Admit) or body.invite is None:
        return True
    invite = find_invite(graph, body.invite)
    used = (graph.uses.get(body.invite, 0) & before).bit_count()
    return invite is not None and used < invite.body.uses
