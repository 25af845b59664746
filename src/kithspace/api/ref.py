"""What is a link to an object that is looked up only when asked, also in another space?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from kithspace.api.overriding import override
from kithspace.core.ids import to_text
from kithspace.core.value import RefValue
from kithspace.errors import FieldType

if TYPE_CHECKING:
    from kithspace.api.household import Household
    from kithspace.api.object import Object
    from kithspace.core.ids import ObjectId, SpaceId

O_co = TypeVar("O_co", bound="Object", covariant=True)
O = TypeVar("O", bound="Object")  # noqa: E741 - as in the documentation


class Ref(Generic[O_co]):
    """A link to an object; `ks.ref(obj)` makes one."""

    __slots__ = ("_cls", "_household", "_object", "_space")
    __kith_kind__ = "ref"

    def __init__(
        self,
        object_id: ObjectId,
        space: SpaceId,
        household: Household,
        cls: type[Object] | None,
    ) -> None:
        self._object = object_id
        self._space = space
        self._household = household
        self._cls = cls

    @property
    def id(self) -> str:
        """The object's id."""
        return to_text(self._object)

    @property
    def space_id(self) -> str:
        """The id of the space it is in."""
        return to_text(self._space)

    def get(self) -> O_co | None:
        """Return the object; None if it is deleted or not here."""
        session = self._household.session_of(self._space)
        if session is None:
            return None
        document = session.document(self._object)
        if document is None or not document.live:
            return None
        cls = self._cls
        if cls is None or cls.__kith_type__ != document.type:
            cls = session.class_for(document.type)
        return session.object_of(cls, document)  # type: ignore[return-value]  # the declared class

    def _kith_link(self) -> RefValue:
        return RefValue(self._object, self._space)

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ref) and self._kith_link() == other._kith_link()

    @override
    def __hash__(self) -> int:
        return hash(self._kith_link())

    @override
    def __repr__(self) -> str:
        return f"Ref({self.id})"


def ref(obj: O) -> Ref[O]:
    """Make a link to an object.

    Raises:
        FieldType: The object is in no space yet.
    """
    place = obj._kith  # noqa: SLF001 - ours
    if place is None:
        raise FieldType(f"{obj!r} is in no space yet.", "Add it first: space.add(…).")
    root = place.root
    return Ref(root.id, root.session.space_id, root.session.household, type(obj))
