"""How does an object in a space read and write its fields?

A `Place` stands behind an object or a record that lies in a space; `Attached` is that of the object
itself, and holds its document. What was read once stays in the holder's `__dict__` until it
changes; what has parts (collections, records, texts) is kept and refreshed in place.

Reading is tolerant: what does not fit the declared type shows the default and stays stored
(experience.md section 2). A read takes the space's lock when it looks at cells, so that it sees one
state (Q5).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kithspace.api import observed_dict, observed_set  # noqa: F401 - they make their live forms
from kithspace.api.counter import Counter
from kithspace.api.observed_list import ObservedList
from kithspace.api.overriding import override
from kithspace.api.spot import Path, Spot, plain_type, show
from kithspace.core import edit
from kithspace.core.field_type import UNREADABLE
from kithspace.core.link_type import Reference
from kithspace.core.localize import localize
from kithspace.core.merging_type import CounterOf
from kithspace.core.provisional import OWN_FEED
from kithspace.core.value import RefValue
from kithspace.core.view import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from kithspace.api.base import Fields
    from kithspace.api.session import Session
    from kithspace.core.document import Document
    from kithspace.core.ids import ObjectId
    from kithspace.core.schema import Field, Schema

_log = logging.getLogger("kithspace")


class Place:
    """Where an object or record lies in a space."""

    __slots__ = ("parts", "path")

    path: Path
    parts: dict[str, object]

    @property
    def root(self) -> Attached:
        """Where the whole object lies."""
        raise NotImplementedError

    # ---------------------------------------------------------------- reading

    def read(self, holder: Fields, field: Field) -> object:
        """Return the value of a field."""
        root = self.root
        root.session.check_open()
        if field.is_plain:
            return self._read_plain(holder, field)
        with root.session.lock:
            if isinstance(field.type, CounterOf):
                number = root.doc.counter(*self.path, field.name)
                return Counter._kith_read_from(holder, field.name, number)  # noqa: SLF001 - ours
            value = self._show(field)
            if field.name not in self.parts and not isinstance(plain_type(field.type), Reference):
                holder.__dict__[field.name] = value
            return value

    def _read_plain(self, holder: Fields, field: Field) -> object:
        """A document never changes, so one look at it is one state, without the lock."""
        root, own, name = self.root, holder.__dict__, field.name
        while True:
            document = root.doc
            stored = document.get(*self.path, name)
            if stored is MISSING:
                spot = Spot(root, (*self.path, name), field.type, field)
                value = self._former(field, spot)
            else:
                value = field.type.read(stored, root.session)
                if value is UNREADABLE:
                    self._tell_unreadable(field)
                    value = field.make_default()
            own[name] = value
            if document is root.doc:
                return value
            own.pop(name, None)

    def _show(self, field: Field) -> object:
        doc, name = self.root.doc, field.name
        spot = Spot(self.root, (*self.path, name), field.type, field)
        kind = doc.kind(*spot.path)
        if kind == "nothing" and not field.is_container:
            return self._former(field, spot)
        if kind == "scalar" and isinstance(plain_type(field.type), Reference):
            return self._follow(field, doc.get(*spot.path))
        old = self.parts.get(name)
        if isinstance(old, ObservedList):
            old._kith_reconcile()  # noqa: SLF001 - ours
        value = show(spot, self.root.doc, old)
        if value is UNREADABLE:
            self._tell_unreadable(field)
            return field.make_default()
        if hasattr(type(value), "_kith_maker"):
            if isinstance(value, ObservedList) and value is not old:
                self.root.session.keep_list(value)
            self.parts[name] = value
        return value

    def _former(self, field: Field, spot: Spot) -> object:
        """Return what was stored under the field's former name, else the default."""
        if field.was:
            stored = self.root.doc.get(*self.path, field.was)
            if stored is not MISSING:
                value = spot.holds.read(stored, self.root.session)
                if value is not UNREADABLE:
                    return value
        return field.make_default()

    def _follow(self, field: Field, stored: object) -> object:
        """Return the object that a reference leads to."""
        value = field.type.read(stored, self.root.session)
        if value is UNREADABLE:
            self._tell_unreadable(field)
            return field.make_default()
        if value is None and isinstance(field.type, Reference) and isinstance(stored, RefValue):
            raise self.root.session.not_here(field, stored)
        return value

    def _tell_unreadable(self, field: Field) -> None:
        told = self.root.session.told
        words = f"{field.owner}.{field.name}"
        if words not in told:
            told.add(words)
            _log.warning(
                "%s holds %s, but another value is stored somewhere: the default is shown.",
                words,
                field.type.words,
            )

    def given(self, holder: Fields) -> Iterator[tuple[Field, object]]:
        """The fields that have a value of their own, with it."""
        from kithspace.api.base import fields_of  # noqa: PLC0415 - base knows this module

        for name, field in fields_of(type(holder)).items():
            if self.root.doc.kind(*self.path, name) != "nothing":
                yield field, getattr(holder, name)

    # ---------------------------------------------------------------- writing

    def assign(self, holder: Fields, field: Field, value: object) -> None:
        """Set a field."""
        if isinstance(value, Counter) and isinstance(field.type, CounterOf):
            added = value._kith_added_to(holder, field.name)  # noqa: SLF001 - ours
            if added is not None:
                self._add(field, added)
                return
        if value is not None and value is self.parts.get(field.name):
            return  # `task.tags |= …` has changed it in place already
        root = self.root
        space = root.session.space_id
        stored = localize(field.type.check(value, field), field.type, space, field)
        path, words = (*self.path, field.name), field.words
        entropy = root.session.entropy
        root.session.edit(root, lambda doc: edit.assign(doc, path, stored, words, entropy))

    def _add(self, field: Field, number: int) -> None:
        root, words = self.root, f"{field.owner}.{field.name}"
        path = (*self.path, field.name)
        if number:
            root.session.edit(
                root, lambda doc: edit.counter_add(doc, path, number, OWN_FEED, words)
            )

    # ---------------------------------------------------------------- following

    def refresh(self, holder: Fields, names: Iterable[str], document: Document) -> None:
        """Forget what was read of fields that changed; refresh what is held of them in place."""
        cached = holder.__dict__
        for name in names:
            cached.pop(name, None)
            part = self.parts.get(name)
            if part is not None:
                part._kith_refresh(document)  # type: ignore[attr-defined]  # noqa: SLF001 - a Part

    def reconcile(self) -> None:
        """Save what C code did to lists past their methods."""
        for part in list(self.parts.values()):
            if isinstance(part, ObservedList):
                part._kith_reconcile()  # noqa: SLF001 - ours


class Inner(Place):
    """Where a record lies in an object."""

    __slots__ = ("_root",)

    def __init__(self, root: Attached, path: Path) -> None:
        self._root = root
        self.path = path
        self.parts = {}

    @property
    @override
    def root(self) -> Attached:
        """Where the whole object lies."""
        return self._root


class Attached(Place):
    """Where an object lies in a space; never points at itself, so that it goes with the object."""

    __slots__ = ("doc", "id", "schema", "session")

    def __init__(
        self, session: Session, object_id: ObjectId, document: Document, schema: Schema
    ) -> None:
        self.path = ()
        self.parts = {}
        self.session = session
        self.id = object_id
        self.doc = document
        self.schema = schema

    @property
    @override
    def root(self) -> Attached:
        """Where the whole object lies: here."""
        return self
