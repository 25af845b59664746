"""How do references become objects again?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from kithspace.api.blob import Blob
from kithspace.api.ref import Ref
from kithspace.api.titles import title_of
from kithspace.errors import Deleted, NotHere

if TYPE_CHECKING:
    from kithspace.api.household import Household
    from kithspace.api.object import Object
    from kithspace.core.document import Document
    from kithspace.core.ids import IdentityId, ObjectId, SpaceId
    from kithspace.core.schema import Field
    from kithspace.core.value import BlobValue, RefValue
    from kithspace.ports import SpaceBackend

O = TypeVar("O", bound="Object")  # noqa: E741 - as in the documentation


class Links:
    """What a session knows of references; the part that field types ask for."""

    backend: SpaceBackend
    household: Household
    space_id: SpaceId

    def document(self, object_id: ObjectId) -> Document | None:
        """Return an object as it is seen now."""
        raise NotImplementedError

    def object_of(self, cls: type[O], document: Document) -> O:
        """Return the Python object of a document."""
        raise NotImplementedError

    def resolve(self, ref: RefValue, cls: type) -> object:
        """Return the object that a reference leads to; None if it is deleted or not here."""
        document = self.document(ref.object)
        if document is None or not document.live or document.type != cls.__kith_type__:  # type: ignore[attr-defined]
            return None
        return self.object_of(cls, document)

    def make_ref(self, ref: RefValue, cls: type | None) -> object:
        """Return a `Ref`."""
        space = self.space_id if ref.space is None else ref.space
        return Ref(ref.object, space, self.household, cls)

    def make_blob(self, blob: BlobValue) -> object:
        """Return a `Blob`."""
        return Blob(blob)

    def not_here(self, field: Field, ref: RefValue) -> Exception:
        """Return what a reference that must lead somewhere raises, where it does not."""
        document = self.document(ref.object)
        if document is not None and not document.live:
            return self.deleted(document)
        others = [one.name for one in self.backend.members() if not one.is_me]
        thing = f"The {field.type.words.lower()} of {field.owner}.{field.name}"
        return NotHere.of(thing, others[0] if others else "somebody else")

    def name_of(self, identity: IdentityId) -> str:
        """Return a person's name."""
        found = {info.identity: info.name for info in self.backend.members()}
        return found.get(identity, "somebody")

    def deleted(self, document: Document) -> Deleted:
        """Return the error to raise when a deleted object is written."""
        head = document.root.heads[0] if document.root.heads else None
        title = title_of(document.doc, document.type)
        if head is None:
            return Deleted.of(title, "somebody", "some time ago")
        who = self.backend.who(head.stamp)
        name = "you" if who.identity == self.backend.me else who.name
        return Deleted.of(title, name, when_words(who.when_ms))


def moment(ms: int) -> datetime:
    """Return a point of time in UTC."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def when_words(ms: int) -> str:
    """Return “on 3 May at 12:01”."""
    local = moment(ms).astimezone()
    return f"on {local.day} {local:%B} at {local:%H:%M}"
