"""What counts of a set of credentials? The full pass, and the short way where nothing clashes.

A closed set is cut where everything later has everything earlier in its past: what lies before
such a place is settled, and nothing later changes it. A segment of one credential needs no pass,
a clean one neither; only where credentials are concurrent and clash is the pass run, over that
segment alone.

Rules (security.md 4.2):
    M7   Greedy pass over the revokers, the strongest first, but before each the revokers in its
         past. No ghosts: if a revoker that counted does not stay, the strongest such is void and
         the pass begins again.
    M10  See `keeping`.
    Clean: no revoker has a concurrent credential leaning on it, none is about a device, some admin
    is nobody's target, and no invite is over-used. Then everything counts, and so does everything
    of every closed subset.
"""

from collections.abc import Iterator

from kithspace.core.credential import Admit, Cancel
from kithspace.core.fold.authority import find_invite, m4_authorised
from kithspace.core.fold.graph import Bits, Graph, members_of
from kithspace.core.fold.keeping import m9_keep, m10_has_use_left
from kithspace.core.fold.removal import (
    m7_support,
    m8_hit,
    m8_leans,
    target_of,
)
from kithspace.core.fold.view import View


def fold(graph: Graph, found: Bits) -> Bits:
    """Return E of a set that is closed under parents."""
    kept: Bits = 0
    for segment in segments(graph, found):
        kept = fold_segment(graph, kept, segment)
    return kept


def fold_segment(graph: Graph, base: Bits, segment: Bits) -> Bits:
    """Return E of what is settled and one segment more."""
    if segment.bit_count() == 1:
        i = segment.bit_length() - 1
        return base | segment if m10_has_use_left(graph, base, i) else base
    if is_clean(graph, base, segment):
        return base | segment
    return m7_pass(graph, base, segment)


def segments(graph: Graph, found: Bits) -> Iterator[Bits]:
    """Cut a closed set where all that is later has all that is earlier in its past."""
    indexes = list(members_of(found))
    starts: list[int] = []
    least = len(graph.credentials)
    for i in reversed(indexes):
        missing = graph.beside[i] & found
        if missing:
            least = min(least, (missing & -missing).bit_length() - 1)
        if least >= i:
            starts.append(i)
    starts.reverse()
    for n, start in enumerate(starts):
        end = starts[n + 1] if n + 1 < len(starts) else len(graph.credentials)
        yield found & ((1 << end) - (1 << start))


# ---------------------------------------------------------------- clean sets


def is_clean(graph: Graph, base: Bits, segment: Bits) -> bool:
    """Whether a segment is clean: its members one by one."""
    before: Bits = 0
    for i in members_of(segment):
        if not stays_clean(graph, base, before, i):
            return False
        before |= 1 << i
    return True


def stays_clean(graph: Graph, base: Bits, segment: Bits, i: int) -> bool:
    """Whether a clean segment stays clean with credential i, which arrived after all of it."""
    c = graph.credentials[i]
    together = segment | 1 << i
    revokers = graph.revokers & together
    if revokers & graph.device_revokers:
        return False
    if revokers >> i & 1 and not _has_safe_admin(graph, base, revokers):
        return False
    if isinstance(c.body, Admit) and c.body.invite is not None:
        invite = find_invite(graph, c.body.invite)
        uses = graph.uses.get(c.body.invite, 0) & (base | together)
        if invite is None or uses.bit_count() > invite.body.uses:
            return False
    beside = graph.beside[i] & segment
    if any(m8_leans(graph, c, graph.credentials[r]) for r in members_of(beside & revokers)):
        return False
    if not graph.revokers >> i & 1:
        return True
    return not any(m8_leans(graph, graph.credentials[k], c) for k in members_of(beside))


def _has_safe_admin(graph: Graph, base: Bits, revokers: Bits) -> bool:
    targets = {target_of(graph.credentials[r]) for r in members_of(revokers)}
    return any(who not in targets for who in View(graph, base).admins())


# ---------------------------------------------------------------- the pass


def m7_pass(graph: Graph, base: Bits, segment: Bits) -> Bits:
    """M7: the greedy pass, begun again while a revoker that counted is not in E (no ghosts)."""
    order = graph.in_order(segment)
    revokers = m7_order(graph, segment & graph.revokers)
    banned: Bits = 0
    while True:
        kept, counted = _pass_once(graph, base, order, revokers, banned)
        ghosts = counted & ~kept
        if not ghosts:
            return kept
        banned |= 1 << min(members_of(ghosts), key=graph.ranks.__getitem__)


def m7_order(graph: Graph, revokers: Bits) -> list[int]:
    """M7: strongest first; but before each the revokers in its past, by the same rule."""
    ranked = sorted(members_of(revokers), key=graph.ranks.__getitem__)
    done: dict[int, None] = {}
    for r in ranked:
        stack = [r]
        while stack:
            top = stack[-1]
            earlier = next((q for q in ranked if q not in done and graph.is_before(q, top)), None)
            if top in done or earlier is None:
                done[top] = None
                stack.pop()
            else:
                stack.append(earlier)
    return list(done)


def _pass_once(
    graph: Graph, base: Bits, order: list[int], revokers: list[int], banned: Bits
) -> tuple[Bits, Bits]:
    """Return what is kept, and the revokers that counted."""
    everything = sum(1 << i for i in order)
    pending = sum(1 << r for r in revokers)
    void, protected, counted = banned, 0, 0
    for r in revokers:
        pending &= ~(1 << r)
        c, past = graph.credentials[r], graph.past(r)
        view = m9_keep(graph, base, (i for i in order if past >> i & 1), void)
        if void >> r & 1 or not m4_authorised(c, View(graph, view & past)):
            void |= 1 << r
            continue
        hit = m8_hit(graph, r, everything & ~protected & (~graph.revokers | pending))
        if not isinstance(c.body, Cancel):
            rest = (i for i in order if not pending >> i & 1)
            if not View(graph, m9_keep(graph, base, rest, void | hit)).has_admin():
                void |= 1 << r
                continue
        void |= hit
        counted |= 1 << r
        protected |= m7_support(graph, r, view | 1 << r)
    return m9_keep(graph, base, order, void), counted
