"""How does a draft of the API become a transaction for the gate?

Rules:
    W3  A write names every head that is stored at its cell; the lock is held, so what is stored is
        what the writer saw. Zero writes are cleared by any other, and need not be named (A7).
    W2  One write per cell: the API has coalesced them.
    Counters: a draft says what to add; what is written is the sum of one's own feed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core.gate.drafting import Draft as GateDraft
from kithspace.core.path import path_key
from kithspace.core.value import SUM, int_form, read_int
from kithspace.core.write import Group, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.document import Document
    from kithspace.core.ids import FeedId, ObjectId
    from kithspace.core.path import Segment
    from kithspace.ports import Draft, DraftObject, DraftWrite


def gate_draft(
    draft: Draft, stored: Callable[[ObjectId], Document | None], feed: FeedId | None
) -> GateDraft:
    """Return the transaction, with what each write replaces.

    Args:
        draft: What the API wants to write.
        stored: Gives an object as it is stored now.
        feed: The feed that the next block goes to; None: a new one.
    """
    bases = {part.id: stored(part.id) for part in draft.objects}
    groups = tuple(_group(part, bases[part.id], feed) for part in draft.objects if part.writes)
    return GateDraft(draft.app, groups, draft.label, draft.undoes, None, bases)


def _group(part: DraftObject, document: Document | None, feed: FeedId | None) -> Group:
    if document is None:
        writes = tuple(
            Write(w.path, path_key(w.path), w.value, (), w.zero, w.origin) for w in part.writes
        )
    else:
        writes = tuple(_write(write, document, feed) for write in part.writes)
    return Group(part.what, part.id, part.version, writes, part.salt)


def _write(write: DraftWrite, document: Document, feed: FeedId | None) -> Write:
    path, value, is_zero, origin = write
    key = path_key(path)
    if is_zero:
        return Write(path, key, value, (), zero=True)
    if type(value) is tuple and value[0] == SUM and feed is not None:
        value = (SUM, int_form(read_int(value[1]) + _counted(document, path, feed)))
    return Write(path, key, value, document.replaced(key, value), zero=False, origin=origin)


def _counted(document: Document, path: tuple[Segment, ...], feed: FeedId) -> int:
    """What a feed has counted so far at a counter."""
    extra = document.cell(*path).extra
    head = extra.sums.get(feed) if extra is not None else None
    return 0 if head is None else read_int(head.value)
