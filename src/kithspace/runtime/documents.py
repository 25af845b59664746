"""Which objects are in memory, as they are stored?

A bounded cache: an object that is in use is loaded once. It follows what was committed, never what
was tried (B5).

Rules: B3 (memory is bounded by what is in use), B5.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from kithspace.core.document import Document
from kithspace.core.ids import ObjectId, from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kithspace.core.effects import Changed, PutObject
    from kithspace.core.pack import FeedNumbers
    from kithspace.core.query import Plan
    from kithspace.core.state import State
    from kithspace.ports import Store

MAX_DOCUMENTS: Final = 4_096


class Documents:
    """Stored objects, loaded when asked for. Called under the space's lock.

    Args:
        state: What is stored.
        numbers: Local numbers of feeds.
    """

    def __init__(self, state: State, numbers: FeedNumbers) -> None:
        self._state = state
        self._numbers = numbers
        self._found: OrderedDict[ObjectId, Document] = OrderedDict()

    def get(self, object_id: ObjectId) -> Document | None:
        """Return an object as it is stored; nothing if it is not."""
        found = self._found.get(object_id)
        if found is not None:
            self._found.move_to_end(object_id)
            return found
        row = self._state.object(object_id)
        return None if row is None else self._load(row)

    def select(self, plan: Plan, store: Store) -> list[Document]:
        """Return what a plan finds, in its order."""
        found = self._of_rows(store.query(plan))
        return found if plan.is_exact else plan.finish(found, self._find)

    def count(self, plan: Plan, store: Store) -> int:
        """How many a plan finds."""
        if plan.is_exact:
            return plan.counted(store.count(plan))
        return len(self.select(plan, store))

    def _find(self, object_text: str) -> Document | None:
        """A live object, from the text of its id."""
        document = self.get(ObjectId(from_text(object_text)))
        return document if document is not None and document.live else None

    def _of_rows(self, rows: Iterable[PutObject]) -> list[Document]:
        found = self._found
        return [found.get(row.id) or self._load(row) for row in rows]  # type: ignore[call-overload]  # a row's id is an object's

    def take(self, changes: Sequence[Changed]) -> None:
        """Follow what was committed."""
        found = self._found
        for change in changes:
            if change.after is None:
                found.pop(change.object, None)
            else:
                found[change.object] = change.after.settled()
                found.move_to_end(change.object)
        self._shrink()

    def _load(self, row: PutObject) -> Document:
        document = Document.load(row, self._numbers, self._state)
        self._found[document.id] = document
        self._shrink()
        return document

    def _shrink(self) -> None:
        while len(self._found) > MAX_DOCUMENTS:
            self._found.popitem(last=False)
