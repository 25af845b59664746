"""What stands between the objects of a space and its engine?

A session holds the Python objects that are in use (one per id and class), the open transaction, and
what watches. Everything that writes goes through `edit` or `add`, under the space's lock.

Rules:
    G5, Q5  Nothing moves within a transaction: changes of others wait for the lock.
    B5      A commit that fails leaves every object as it is stored.
    E4      A type is registered when it is first written.
"""

from __future__ import annotations

import contextlib
import logging
import weakref
from typing import TYPE_CHECKING, TypeVar

from kithspace.api.adding import Plain, attach, root_edit, root_writes
from kithspace.api.attached import Attached
from kithspace.api.base import fields_of
from kithspace.api.following import Followers
from kithspace.api.links import Links
from kithspace.api.new_ids import NewIds
from kithspace.api.overriding import override
from kithspace.api.schemas import schema_of
from kithspace.api.titles import disk_full
from kithspace.api.transaction import Transaction, current_owner
from kithspace.api.types import Types
from kithspace.core.coalesce import a6_parts
from kithspace.core.document import Document
from kithspace.core.ids import ObjectId, from_text
from kithspace.errors import DiskFull, KithError, TransactionOpen
from kithspace.ports import Draft, DraftObject, DraftWrite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from kithspace.api.household import Household
    from kithspace.api.object import Object
    from kithspace.api.observed_list import ObservedList
    from kithspace.api.space import Space
    from kithspace.core.edit import Edit
    from kithspace.core.effects import Changed
    from kithspace.core.query import Plan
    from kithspace.core.schema import Schema
    from kithspace.ports import SpaceBackend

O = TypeVar("O", bound="Object")  # noqa: E741 - as in the documentation

_log = logging.getLogger("kithspace")

STEP = 1_000
"""`add_all` outside a transaction commits every so many objects (A10)."""


class Session(Links):
    """The objects of a space in this process."""

    space: Space

    def __init__(self, backend: SpaceBackend, household: Household) -> None:
        self.backend = backend
        self.household = household
        self.space_id = backend.id
        self.lock = backend.lock()
        self.entropy = household.entropy
        self.told = household.told
        self.version = 0
        self.followers = Followers(self)
        self._objects: dict[type, weakref.WeakValueDictionary[bytes, Object]] = {}
        self._lists: weakref.WeakValueDictionary[int, ObservedList[object]] = (
            weakref.WeakValueDictionary()
        )
        self._types = Types(backend)
        self._open: Transaction | None = None
        with self.lock:
            self._delivered = backend.changed
            self._stop = backend.watch(self._on_changed)

    def check_open(self) -> None:
        """Refuse use after close, or in a forked process; see `Household`."""
        if self.household.problem is not None:
            raise self.household.problem

    def forget(self) -> None:
        """Forget what was read, so that every later read looks whether it may."""
        for holder in self._all_objects():
            for name in fields_of(type(holder)):
                holder.__dict__.pop(name, None)

    def _all_objects(self) -> Iterator[Object]:
        for those in list(self._objects.values()):
            yield from list(those.values())

    # ---------------------------------------------------------------- objects

    @override
    def object_of(self, cls: type[O], document: Document) -> O:
        """Return the Python object of a document: always the same one while anyone holds it."""
        those = self._kept(cls)
        found = those.get(document.id)
        if found is None:
            found = cls.__new__(cls)
            root = Attached(self, document.id, document, schema_of(cls))
            object.__setattr__(found, "_kith", root)
            those[document.id] = found
        return found  # type: ignore[return-value]  # kept by class

    def _kept(self, cls: type) -> weakref.WeakValueDictionary[bytes, Object]:
        those = self._objects.get(cls)
        if those is None:
            those = self._objects[cls] = weakref.WeakValueDictionary()
        return those

    def holders(self, object_id: ObjectId) -> list[Object]:
        """Return the Python objects of an id."""
        found = []
        for those in list(self._objects.values()):
            holder = those.get(object_id)
            if holder is not None:
                found.append(holder)
        return found

    def keep_list(self, shown: ObservedList[object]) -> None:
        """Look at this list at the end of a transaction, for what C code did to it."""
        self._lists[id(shown)] = shown

    @override
    def document(self, object_id: ObjectId) -> Document | None:
        """Return an object as it is seen now: in a transaction with what it has written."""
        with self.lock:
            if self._open is not None and object_id in self._open.parts:
                return self._open.parts[object_id].root.doc
            return self.backend.get(object_id)

    def find(self, id_text: str) -> Document | None:
        """Return a live object from the text of its id."""
        found = self.document(ObjectId(from_text(id_text)))
        return found if found is not None and found.live else None

    def select(self, plan: Plan) -> list[Document]:
        """Return what a plan finds; in a transaction with what it has written (G5)."""
        self.check_open()
        with self.lock:
            if self._open is None or not self._open.parts:
                return self.backend.select(plan)
            parts = self._open.parts
            stored = self.backend.select(plan.with_limit(None, 0))
            found = [one for one in stored if one.id not in parts]
            for part in parts.values():
                doc = part.root.doc
                if doc.live and doc.type == plan.type_name and plan.matches_exactly(doc, self.find):
                    found.append(doc)
            return plan.cut(sorted(found, key=plan.key_of))  # keys compare

    def count(self, plan: Plan) -> int:
        """Return how many a plan finds."""
        self.check_open()
        with self.lock:
            if self._open is None or not self._open.parts:
                return self.backend.count(plan)
            return len(self.select(plan))

    # ---------------------------------------------------------------- writing

    def edit(self, root: Attached, make: Callable[[Document], list[Edit]]) -> None:
        """Write to an object: one transaction, or part of the open one.

        Raises:
            Deleted: The object was deleted.
        """
        self.check_open()
        with self.lock:
            opened = self._own_transaction()
            if self.is_behind and (opened is None or root.id not in opened.parts):
                self._catch_up(root)
            self._check_live(root)
            edits = make(root.doc)
            if not edits:
                return
            schema = root.schema
            if opened is not None:
                self._follow(root.id, opened.take(root, schema, edits), _names(edits))
                return
            writes = tuple(DraftWrite(*part) for edit in edits for part in a6_parts(*edit))
            draft = DraftObject(root.id, 0, schema.version, root.doc, writes)
            self._commit([draft], (schema,))
        if self.is_behind:
            with self.lock:
                self._catch_up(root)

    def set_live(self, root: Attached, edits: list[Edit]) -> None:
        """Delete an object, or bring it back."""
        self.check_open()
        with self.lock:
            opened = self._own_transaction()
            if opened is not None:
                self._follow(root.id, opened.take(root, root.schema, edits), ())
                return
            writes = tuple(DraftWrite(*edit) for edit in edits)
            draft = DraftObject(root.id, 0, root.schema.version, root.doc, writes)
            self._commit([draft], (root.schema,))
        if self.is_behind:
            with self.lock:
                self._catch_up(root)

    def add(self, objects: Sequence[Object]) -> None:
        """Make plain objects part of the space: steps of 1,000, or part of the open transaction."""
        self.check_open()
        with self.lock:
            opened = self._own_transaction()
            if opened is not None:
                self._add_within(opened, objects)
                return
        for start in range(0, len(objects), STEP):
            self._add_step(objects[start : start + STEP])

    def _add_within(self, opened: Transaction, objects: Sequence[Object]) -> None:
        drafts = [(obj, schema_of(type(obj))) for obj in objects]
        edits = [root_edit(obj, schema, self) for obj, schema in drafts]
        for (obj, schema), edit in zip(drafts, edits, strict=True):
            object_id = opened.ids.take()
            root = Attached(self, object_id, Document.empty(object_id, 0), schema)
            root.doc = opened.take_new(root, schema, [edit])
            opened.added.append((obj, Plain(obj)))
            self._take_in(obj, root)
        self.version += 1

    def _add_step(self, objects: Sequence[Object]) -> None:
        ids = NewIds(self.entropy)
        drafts, roots = [], []
        for obj in objects:
            schema = schema_of(type(obj))
            object_id = ids.take()
            writes = root_writes(root_edit(obj, schema, self))
            drafts.append(DraftObject(object_id, 0, schema.version, None, writes))
            roots.append((obj, object_id, schema))
        with self.lock:
            self._commit(drafts, {schema for _, _, schema in roots})
            for obj, object_id, schema in roots:
                document = self.backend.get(object_id) or Document.empty(object_id, 0)
                self._take_in(obj, Attached(self, object_id, document, schema))

    def _take_in(self, obj: Object, root: Attached) -> None:
        attach(obj, root)
        self._kept(type(obj))[root.id] = obj

    def _check_live(self, root: Attached) -> None:
        if not root.doc.live:
            raise self.deleted(root.doc)

    def _commit(
        self, drafts: list[DraftObject], schemas: Iterable[Schema], label: str = ""
    ) -> None:
        """Commit; types that were never written here are registered with it (E4)."""
        new = self._types.unregistered(schemas)
        drafts += [draft for schema in new for draft in self._types.registration(schema)]
        try:
            self.backend.commit(Draft(self.household.app, tuple(drafts), label))
        except DiskFull as error:
            raise disk_full(error, drafts[0]) from error
        for schema in new:
            self._types.take(schema)

    # ---------------------------------------------------------------- transactions

    def _own_transaction(self) -> Transaction | None:
        """Return the open transaction, if it is the caller's.

        Raises:
            TransactionOpen: It is another task's of this thread.
        """
        opened = self._open
        if opened is not None and opened.owner != current_owner():
            raise TransactionOpen.of(self.backend.name)
        return opened

    @contextlib.contextmanager
    def transaction(self, label: str = "") -> Iterator[None]:
        """All or nothing; nested ones join the outer."""
        self.check_open()
        with self.lock:
            if self._own_transaction() is not None:
                yield
                return
            opened = self._open = Transaction(label, NewIds(self.entropy))
            try:
                yield
                self._reconcile()
                self._finish(opened)
            except BaseException:
                self._open = None
                self._take_back(opened)
                raise

    def _reconcile(self) -> None:
        """Save what C code did to lists past their methods."""
        for shown in list(self._lists.values()):
            shown._kith_reconcile()  # noqa: SLF001 - ours

    def _finish(self, opened: Transaction) -> None:
        if opened.owner != current_owner():
            raise TransactionOpen.of(self.backend.name)
        parts = list(opened.parts.values())
        drafts = [draft for draft in (part.draft() for part in parts) if draft is not None]
        if drafts:
            self._commit(drafts, {part.schema for part in parts}, opened.label)
        self._open = None
        for part in parts:
            document = self.backend.get(part.root.id)
            if document is not None:
                self._follow(part.root.id, document, None)

    def _take_back(self, opened: Transaction) -> None:
        for obj, plain in opened.added:
            self._objects[type(obj)].pop(obj._kith.id, None)  # type: ignore[union-attr]  # noqa: SLF001
            plain.restore(obj)
        for part in opened.parts.values():
            if part.base is not None:
                self._follow(part.root.id, part.base, None)
        self.version += 1

    # ---------------------------------------------------------------- following

    @property
    def moment(self) -> tuple[int, int]:
        """What is seen changes only when this does."""
        return self.version, self.backend.changed

    @property
    def is_behind(self) -> bool:
        """Whether there are changes that the objects here have not been told of yet."""
        return self.backend.changed != self._delivered

    def _catch_up(self, root: Attached) -> None:
        """Let an object show what is stored now."""
        stored = self.backend.get(root.id)
        if stored is not None and stored is not root.doc:
            self._follow(root.id, stored, stored.changed_fields(root.doc))

    def _follow(self, object_id: ObjectId, document: Document, names: Iterable[str] | None) -> None:
        """Let the Python objects of an id show a document; `names` are the fields that changed."""
        self.version += 1
        for holder in self.holders(object_id):
            root: Attached = holder._kith  # type: ignore[assignment]  # noqa: SLF001 - it is held
            self._save_past(root)
            root.doc = document
            root.refresh(holder, fields_of(type(holder)) if names is None else names, document)

    def _save_past(self, root: Attached) -> None:
        """Save what C code did to lists of an object, before what is there is shown anew."""
        try:
            root.reconcile()
        except KithError as error:
            _log.warning("A list was changed past its methods, and not saved: %s", error)

    def _on_changed(self, changes: Sequence[Changed]) -> None:
        """Take in what a commit has changed, own or from elsewhere."""
        with self.lock:
            self.version += 1
            self._delivered += 1
            is_last = not self.is_behind
            for change in changes:
                for holder in self.holders(change.object):
                    root: Attached = holder._kith  # type: ignore[assignment]  # noqa: SLF001 - it is held
                    if is_last and change.before is root.doc and change.after is not None:
                        self._follow(root.id, change.after, change.fields)
                        # The same, but what it had to tell of its rows is on disk now.
                        root.doc = self.backend.get(root.id) or change.after
                    else:
                        self._catch_up(root)
            self.followers.take(changes)

    def class_for(self, type_name: str, more: Iterable[str] = ()) -> type[Object]:
        """Return a class for a type that the program has none for."""
        return self._types.class_for(type_name, more)

    def declare(self, schema: Schema) -> None:
        """Keep the indexes that a type declares."""
        self._types.declare(schema)


def _names(edits: Iterable[Edit]) -> set[str]:
    return {str(path[0]) for path, _ in edits if path}
