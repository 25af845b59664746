"""What is shared? A space: members, roles, objects."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeVar, overload

from kithspace.api.list_source import ListSource
from kithspace.api.overriding import override
from kithspace.api.pending import Pending
from kithspace.api.people import Invitation, Member
from kithspace.api.presence import Presence
from kithspace.api.query_source import QuerySource
from kithspace.api.results import Results
from kithspace.api.titles import title_of
from kithspace.core import edit
from kithspace.core.ids import ObjectId, from_text, to_text
from kithspace.core.registration import SCHEMA_TYPE
from kithspace.errors import AlreadyAdded, Ambiguous, CodecError, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from contextlib import AbstractContextManager

    from kithspace.api.object import Object
    from kithspace.api.session import Session
    from kithspace.core.document import Document
    from kithspace.ports import Status

O = TypeVar("O", bound="Object")  # noqa: E741 - as in the documentation

_OURS = "kith."
_MIN_PREFIX = 4


class Space:
    """A space of an open vault."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._backend = session.backend
        self.presence = Presence(session)

    # ---------------------------------------------------------------- what it is

    @property
    def id(self) -> str:
        """Its id."""
        return to_text(self._backend.id)

    @property
    def name(self) -> str:
        """Its name."""
        return self._backend.name

    @property
    def role(self) -> str:
        """One's own role in it."""
        return self._backend.role

    @property
    def members(self) -> Results[Member]:
        """Who is in it, oneself first."""
        backend = self._backend
        return Results(
            ListSource(
                "members",
                lambda: [Member(info, backend) for info in backend.members()],
                backend.watch_others,
                self._session.household.run_later,
            )
        )

    @property
    def status(self) -> Status:
        """Why it does, or does not, sync."""
        self._session.check_open()
        return self._backend.status()

    @property
    def types(self) -> Mapping[str, int]:
        """Names of the types that have objects here, with their newest version."""
        found = self._backend.types()
        return {name: found[name] for name in sorted(found) if not name.startswith(_OURS)}

    @property
    def sizes(self) -> Mapping[str, int]:
        """Bytes on disk by what uses them (B6)."""
        self._session.check_open()
        return self._backend.sizes()

    @property
    def changed(self) -> int:
        """A number that grows with every change."""
        self._session.check_open()
        return self._backend.changed

    # ---------------------------------------------------------------- objects

    def add(self, obj: O, /) -> O:
        """Store an object; return the same one.

        Raises:
            AlreadyAdded: It is in a space.
            NotAllowed: One's role is below writer.
            FieldType: A value does not fit its field.
            TooBig: A value is over its limit.
            DiskFull: There is no room; the object stays plain.
        """
        self.add_all([obj])
        return obj

    def add_all(self, objects: Iterable[O], /) -> list[O]:
        """Store objects: in steps of 1,000, or as part of the open transaction."""
        those = list(objects)
        seen: set[int] = set()
        for obj in those:
            if obj._kith is not None or id(obj) in seen:  # noqa: SLF001 - ours
                raise self._already_added(obj)
            seen.add(id(obj))
        self._session.add(those)
        return those

    def _already_added(self, obj: Object) -> AlreadyAdded:
        place = obj._kith  # noqa: SLF001 - ours
        title = title_of(place.doc.doc, place.doc.type) if place is not None else repr(obj)
        home = obj.space.name if obj.space is not None else self.name
        return AlreadyAdded.of(title, home, self.name)

    def get(self, cls: type[O], id: str, /) -> O:  # noqa: A002 - as in the documentation
        """Return an object by its id.

        Raises:
            NotFound: There is none of this type.
        """
        self._session.check_open()
        try:
            document = self._session.document(ObjectId(from_text(id)))
        except CodecError:
            document = None
        if document is None or not document.live or document.type != cls.__kith_type__:
            raise NotFound.of(cls.__kith_type__, id, f"“{self.name}”")
        return self._session.object_of(cls, document)

    @overload
    def all(
        self, cls: type[O], where: Mapping[str, object] | None = None, /, **fields: object
    ) -> Results[O]: ...
    @overload
    def all(
        self, cls: str, where: Mapping[str, object] | None = None, /, **fields: object
    ) -> Results[Object]: ...
    def all(
        self,
        cls: type[O] | str,
        where: Mapping[str, object] | None = None,
        /,
        **fields: object,
    ) -> Results[O] | Results[Object]:
        """Return the objects of a type that fit, live.

        Args:
            cls: The class, or the name of a type that one has no class for.
            where: Conditions in JSON form: `{"done": False, "priority": {"ge": 2}}`.
            fields: Conditions as keywords: `done=False, priority__ge=2, owner__name="Ana"`.

        Raises:
            BadQuery: A condition makes no sense.
            UnknownField: There is no such field.
        """
        self._session.check_open()
        if isinstance(cls, str):
            kind = self._session.class_for(cls)
            return Results(QuerySource.asked(self._session, kind, where, fields))
        return Results(QuerySource.asked(self._session, cls, where, fields))

    def delete(self, obj: Object, /) -> None:
        """Delete an object; undelete brings it back.

        Raises:
            NotAllowed: One's role is below writer.
            NotFound: The object is not in this space.
        """
        root = self._root_of(obj)
        if root.doc.live:
            self._session.set_live(root, edit.delete())

    def undelete(self, obj: Object, /) -> None:
        """Bring a deleted object back, with its fields as they are now."""
        root = self._root_of(obj)
        if not root.doc.live:
            self._session.set_live(root, edit.undelete(root.doc))

    def _root_of(self, obj: Object):  # type: ignore[no-untyped-def]  # noqa: ANN202
        place = obj._kith  # noqa: SLF001 - ours
        if place is None or place.session is not self._session:
            raise NotFound(f"{obj!r} is not in “{self.name}”.", "Use the space that it is in.")
        return place

    def find(self, word: str, *, deleted: bool = False) -> list[Object]:
        """Return the objects whose id starts so (4 and more characters), or whose title it is.

        Args:
            word: A start of an id, or a title or name.
            deleted: Look among the deleted ones instead.
        """
        found = [one for one in self._documents(deleted=deleted) if self._is_called(one, word)]
        session = self._session
        return [session.object_of(session.class_for(one.type), one) for one in found]

    def _documents(self, *, deleted: bool) -> list[Document]:
        from kithspace.core.query import Plan  # noqa: PLC0415

        found: list[Document] = []
        for name in self.types:
            found += self._backend.select(Plan(name, is_live=not deleted))
        return found

    def _is_called(self, document: Document, word: str) -> bool:
        if len(word) >= _MIN_PREFIX and to_text(document.id).startswith(word.lower()):
            return True
        return title_of(document.doc, "") == word

    def transaction(self, label: str = "") -> AbstractContextManager[None]:
        """All or nothing: one block, one undo step.

        Raises:
            TransactionOpen: Another task of this thread has one open.
            TooBig: It would be over 16 MB.
        """
        return self._session.transaction(label)

    # ---------------------------------------------------------------- people

    def member(self, name: str) -> Member:
        """Return a member by name.

        Raises:
            NotFound: Nobody is called so.
            Ambiguous: Several are.
        """
        members = list(self.members)
        found = [one for one in members if name in (one.name, one.id)]
        if not found:
            names = [one.name for one in members]
            near = get_close_matches(name, names, n=2, cutoff=0.4)
            raise NotFound.of("member", name, f"“{self.name}”", near, f"kith who {self.name}")
        if len(found) > 1:
            raise Ambiguous.of("members", name, [f"{one.role} {one.id[:6]}" for one in found])
        return found[0]

    def invite(
        self, role: str = "writer", *, uses: int = 1, hours: float = 24, link: bool = False
    ) -> Invitation:
        """Make an invitation: a one-time code, or a link.

        Args:
            role: What whoever comes will be.
            uses: For how many people; a code is for one.
            hours: How long it is good.
            link: Make a link at once; else when `.link` is asked for.

        Raises:
            NotAllowed: Only admins invite.
        """
        backend = self._backend

        def make_link():  # type: ignore[no-untyped-def]  # noqa: ANN202
            return backend.invite(role, uses=uses, hours=hours, link=True)

        made = backend.invite(role, uses=uses, hours=hours, link=link)
        return Invitation(
            made,
            make_link,
            lambda id_: Pending(backend.joined(id_), lambda info: Member(info, backend)),
            backend.revoke,
        )

    def rename(self, name: str) -> None:
        """Give the space another name, for everybody."""
        self._session.check_open()
        self._backend.rename(name)

    def leave(self) -> None:
        """Leave: the copy here stays, readable, until it is deleted."""
        self._session.check_open()
        self._backend.leave()

    def synced(self, timeout: float | None = None) -> Pending[Status]:
        """Wait until every reachable member has everything.

        Args:
            timeout: For `.result()`, where none is given there.
        """
        pending: Pending[Status] = Pending(self._backend.synced(), lambda status: status)
        pending.timeout = timeout
        return pending

    def type_for(self, name: str, fields: Iterable[str] = ()) -> type[Object]:
        """Return a class for a type that one has no class for.

        Args:
            name: The type.
            fields: Fields that it must have beside those that are written down in the space.
        """
        return self._session.class_for(name, fields)

    @override
    def __repr__(self) -> str:
        return f"<Space {self.name}>"


__all__ = ["SCHEMA_TYPE", "Space"]
