"""What of an object has to stay in memory, once its rows are on disk?

While an object is merged, what differs from its rows lies over them. When the rows are written,
that is what is stored: it becomes part of what was read (B2, T1). Without this, an object that is
kept would carry every change since it was loaded.
"""

from kithspace.core.cell import Cell, Extra, TextLog
from kithspace.core.far import Far


def settle(cell: Cell, *, is_loaded: bool) -> Cell:
    """Return a cell of which everything is on disk.

    Args:
        cell: Below the root.
        is_loaded: Whether the object knows where its rows are; if not, texts stay in memory.
    """
    kids, extra = cell.kids, cell.extra
    if isinstance(kids, Far):
        if kids.over:
            kids = kids.settled(lambda kid: settle(kid, is_loaded=is_loaded))
    elif kids:
        settled = {segment: settle(kid, is_loaded=is_loaded) for segment, kid in kids.items()}
        if any(settled[segment] is not kid for segment, kid in kids.items()):
            kids = settled
    if is_loaded and extra is not None and extra.text is not None:
        extra = _settled_text(extra, extra.text)
    if kids is cell.kids and extra is cell.extra:
        return cell
    return Cell(cell.heads, kids, extra)


def _settled_text(extra: Extra, log: TextLog) -> Extra:
    if log.base is None and not log.fresh:
        return extra
    stored = log.stored + len(log.fresh)
    return extra._replace(text=TextLog(log.incarnation, None, stored, log.size_bytes))
