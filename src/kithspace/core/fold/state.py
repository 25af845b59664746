"""What counts now, and how does that change when one credential more is known?

The state remembers the greatest settled part (what every later credential has in its past) with
its fold, and the open rest. Most credentials have everything in their past: they settle all that
was there, and cost nothing. A set with concurrent credentials that do not clash is clean and costs
nothing either. Only an open part with a clash is folded again, and only that part.
"""

from typing import Final, NamedTuple

from kithspace.core.fold.graph import Bits, Graph
from kithspace.core.fold.whole import fold, fold_segment, is_clean, segments, stays_clean


class FoldState(NamedTuple):
    """The fold of everything in a graph; `kept` is None until somebody asks."""

    settled: Bits
    settled_kept: Bits
    open: Bits
    kept: Bits | None
    is_clean: bool = True

    def resolved(self, graph: Graph) -> "FoldState":
        """Return the state with `kept` there."""
        if self.kept is not None:
            return self
        return self._replace(kept=fold_segment(graph, self.settled_kept, self.open))

    def grown(self, graph: Graph, i: int) -> "FoldState":
        """Return the state after credential i, the newest of the graph."""
        bit, beside = 1 << i, graph.beside[i]
        if not beside:
            before = bit - 1
            kept = self.resolved(graph).kept or 0
            return FoldState(
                before,
                kept,
                bit,
                kept=fold_segment(graph, kept, bit),
                is_clean=stays_clean(graph, kept, 0, i),
            )
        if beside & self.settled:
            return _reopened(graph)
        open_ = self.open | bit
        if self.is_clean and stays_clean(graph, self.settled_kept, self.open, i):
            return self._replace(open=open_, kept=self.settled_kept | open_)
        return self._replace(open=open_, is_clean=False, kept=None)


EMPTY: Final = FoldState(0, 0, 0, kept=0)


def fold_of(state: FoldState, graph: Graph, found: Bits) -> Bits:
    """Return E of any set that is closed under parents, the past of a credential above all."""
    if found == graph.everything:
        return state.resolved(graph).kept or 0
    if state.settled & ~found:
        return fold(graph, found)
    rest = found & state.open
    if state.is_clean:
        return state.settled_kept | rest
    kept = state.settled_kept
    for segment in segments(graph, rest):
        kept = fold_segment(graph, kept, segment)
    return kept


def _reopened(graph: Graph) -> FoldState:
    """Cut everything anew: a credential came that does not know all that seemed settled."""
    *before, last = segments(graph, graph.everything)
    kept: Bits = 0
    settled: Bits = 0
    for segment in before:
        kept = fold_segment(graph, kept, segment)
        settled |= segment
    clean = is_clean(graph, kept, last)
    return FoldState(settled, kept, last, kept | last if clean else None, is_clean=clean)
