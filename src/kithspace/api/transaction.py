"""What belongs together, all or nothing?

Rules:
    G5  A transaction holds the space's lock for its thread; writes gather in memory, reads see
        them; leaving commits, an exception takes all back. Nested ones join the outer. A write by
        another task of the thread, as happens after an `await` inside, raises `TransactionOpen`.
    W2  What is committed is one write per cell (`core/coalesce`).
"""

from __future__ import annotations

import asyncio
import threading
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from kithspace.core.coalesce import coalesce
from kithspace.core.provisional import FIRST_TIME, merge_edits, without_own_feed
from kithspace.ports import DraftObject, DraftWrite

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kithspace.api.adding import Plain
    from kithspace.api.attached import Attached
    from kithspace.api.new_ids import NewIds
    from kithspace.api.object import Object
    from kithspace.core.document import Document
    from kithspace.core.edit import Edit, Path
    from kithspace.core.ids import ObjectId
    from kithspace.core.schema import Schema


class Owner(NamedTuple):
    """Who is in a transaction: a task of a thread."""

    thread: int
    task: object


def current_owner() -> Owner:
    """Return who calls."""
    try:
        task: object = asyncio.current_task()
    except RuntimeError:
        task = None
    return Owner(threading.get_ident(), task)


class Part:
    """One object in a transaction."""

    __slots__ = ("base", "root", "schema", "touched")

    def __init__(self, root: Attached, schema: Schema, base: Document | None) -> None:
        self.root = root
        self.schema = schema
        self.base = base
        self.touched: list[Path] = []

    def draft(self) -> DraftObject | None:
        """Return what is to be committed; None if it comes down to nothing."""
        edits = without_own_feed(coalesce(self.base, self.root.doc, self.touched))
        if not edits:
            return None
        writes = tuple(DraftWrite(path, value) for path, value in edits)
        return DraftObject(self.root.id, 0, self.schema.version, self.base, writes)


class Transaction:
    """An open transaction; used under the space's lock."""

    def __init__(self, label: str, ids: NewIds) -> None:
        self.label = label
        self.ids = ids
        self.owner = current_owner()
        self.parts: dict[ObjectId, Part] = {}
        self.added: list[tuple[Object, Plain]] = []
        self._tick = count(FIRST_TIME).__next__

    def take(self, root: Attached, schema: Schema, edits: Sequence[Edit]) -> Document:
        """Note edits; return the object's working copy with them."""
        part = self.parts.get(root.id)
        if part is None:
            part = self.parts[root.id] = Part(root, schema, root.doc)
        part.touched += [path for path, _ in edits]
        return merge_edits(root.doc, edits, self._tick)

    def take_new(self, root: Attached, schema: Schema, edits: Sequence[Edit]) -> Document:
        """Note the making of an object; return its working copy."""
        part = self.parts[root.id] = Part(root, schema, None)
        part.touched += [path for path, _ in edits]
        return merge_edits(root.doc, edits, self._tick)
