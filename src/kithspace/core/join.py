"""How do two states of an object become one, when neither side has the other's blocks?

A checkpoint is joined with what is here, which may be newer in some feeds and older in others.

Rules:
    W11  A write that is missing on one side, and not above that side's last stamp for its feed
         (branch), was replaced there. *Union revives replaced writes, the greatest alone loses
         siblings.* Zero writes join by A7 alone.
    W7   What is older than the greatest write of a container above it is dropped, as in a merge.
    T2   Of a text's logs that of the greater incarnation stays; of one incarnation both do, since
         updates merge. Both sides' updates must be in memory.
"""

from collections.abc import Mapping
from typing import TypeAlias

from kithspace.core.cell import EMPTY, Cell, Extra, Head, Heads, TextLog, w7_prune
from kithspace.core.stamp import ZERO, Stamp

LastTimes: TypeAlias = Mapping[bytes, int]
"""The time of the last block that a side has of a feed or branch, by its id."""


class Join:
    """Joins the cells of two sides.

    Args:
        ours: What this side has seen.
        theirs: What the other has.
    """

    __slots__ = ("_ours", "_theirs")

    def __init__(self, ours: LastTimes, theirs: LastTimes) -> None:
        self._ours = ours
        self._theirs = theirs

    def root(self, ours: Cell, theirs: Cell) -> Cell:
        """Return the root that both make; it sets no threshold for its fields (W10)."""
        heads = self.w11_heads(ours.heads, theirs.heads)
        return Cell(heads, self._kids(ours, theirs, ZERO), self._extra(ours, theirs))

    def cell(self, ours: Cell, theirs: Cell, floor: Stamp) -> Cell:
        """Return the cell that both make; `floor` is the greatest write above it."""
        heads = self.w11_heads(ours.heads, theirs.heads)
        joined = Cell(tuple(head for head in heads if head.stamp >= floor))
        below = max(floor, joined.floor)
        joined.kids = w7_prune(self._kids(ours, theirs, below), below)
        joined.extra = self._extra(ours, theirs)
        incarnation = joined.heads[0].stamp if joined.heads else floor
        text = joined.extra.text if joined.extra is not None else None
        if joined.extra is not None and text is not None and text.incarnation != incarnation:
            joined.extra = joined.extra._replace(text=None)
        if joined.extra == Extra():
            joined.extra = None
        return joined

    def w11_heads(self, ours: Heads, theirs: Heads) -> Heads:
        """W11: the heads of a cell that neither side saw replaced."""
        kept = [head for head in ours if head in theirs or self._is_news(head, self._theirs)]
        kept += [head for head in theirs if head not in ours and self._is_news(head, self._ours)]
        real = [head for head in kept if head.stamp.time]
        if not real:
            # A7: of zero writes the greatest stays.
            return tuple(sorted(kept, key=_stamp_of, reverse=True)[:1])
        return tuple(sorted(real, key=_stamp_of, reverse=True))

    def _is_news(self, head: Head, seen: LastTimes) -> bool:
        stamp = head.stamp
        return not stamp.time or stamp.time > seen.get(stamp.branch or stamp.feed, -1)

    def _kids(self, ours: Cell, theirs: Cell, floor: Stamp) -> dict[bytes, Cell]:
        kids: dict[bytes, Cell] = {}
        for segment in {**dict(ours.kids.items()), **dict(theirs.kids.items())}:
            left, right = ours.kids.get(segment), theirs.kids.get(segment)
            kid = self.cell(left or EMPTY, right or EMPTY, floor)
            if not kid.is_empty:
                kids[segment] = kid
        return kids

    def _extra(self, ours: Cell, theirs: Cell) -> Extra | None:
        left, right = ours.extra or Extra(), theirs.extra or Extra()
        sums = dict(left.sums)
        for feed, head in right.sums.items():
            if feed not in sums or sums[feed].stamp < head.stamp:
                sums[feed] = head
        base = self.w11_heads(left.base, right.base)
        return Extra(base, sums, _text(left.text, right.text))


def _text(left: TextLog | None, right: TextLog | None) -> TextLog | None:
    if left is None or right is None:
        return left or right
    if left.incarnation != right.incarnation:
        return max(left, right, key=lambda log: log.incarnation)
    some = [left.base or b"", *left.fresh, right.base or b"", *right.fresh]
    fresh = tuple(dict.fromkeys(update for update in some if update))
    return TextLog(left.incarnation, b"", 0, sum(map(len, fresh)), fresh)


def _stamp_of(head: Head) -> Stamp:
    return head.stamp
