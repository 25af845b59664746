"""How does a draft of the API become a transaction for the gate?

Rules:
    W3  A write names every head that is stored at its cell; the lock is held, so what is stored is
        what the writer saw. Zero writes are cleared by any other, and need not be named (A7).
    W2  One write per cell: the API has coalesced them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core.gate.drafting import Draft as GateDraft
from kithspace.core.path import path_key
from kithspace.core.write import Group, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.document import Document
    from kithspace.core.ids import ObjectId
    from kithspace.ports import Draft, DraftObject, DraftWrite


def gate_draft(draft: Draft, stored: Callable[[ObjectId], Document | None]) -> GateDraft:
    """Return the transaction, with what each write replaces.

    Args:
        draft: What the API wants to write.
        stored: Gives an object as it is stored now.
    """
    bases = {part.id: stored(part.id) for part in draft.objects}
    groups = tuple(_group(part, bases[part.id]) for part in draft.objects if part.writes)
    return GateDraft(draft.app, groups, draft.label, draft.undoes, None, bases)


def _group(part: DraftObject, document: Document | None) -> Group:
    if document is None:
        writes = tuple(
            Write(w.path, path_key(w.path), w.value, (), w.zero, w.origin) for w in part.writes
        )
    else:
        writes = tuple(_write(write, document) for write in part.writes)
    return Group(part.what, part.id, part.version, writes, part.salt)


def _write(write: DraftWrite, document: Document) -> Write:
    path, value, is_zero, origin = write
    key = path_key(path)
    if is_zero:
        return Write(path, key, value, (), zero=True)
    return Write(path, key, value, document.replaced(key, value), zero=False, origin=origin)
