"""What does a set of an object in a space do?

It is a set: every method of `set` works and is saved. Each element is a cell of its own, so that
what several people add and remove merges.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from kithspace.api.overriding import override
from kithspace.api.spot import MAKERS, Spot, plain_type
from kithspace.core import edit
from kithspace.core.container_type import SetOf
from kithspace.core.field_type import UNREADABLE, FieldType
from kithspace.core.scalar_type import Anything
from kithspace.core.value import from_payload

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from kithspace.core.document import Document

T = TypeVar("T")


class ObservedSet(set[T]):
    """A set in an object in a space."""

    __slots__ = ("_kith_spot",)
    _kith_maker = "set"

    _kith_spot: Spot

    @classmethod
    def _kith_make(cls, spot: Spot, document: Document) -> ObservedSet[Any]:
        new: ObservedSet[Any] = cls()
        new._kith_spot = spot
        new._kith_refresh(document)
        return new

    def _kith_refresh(self, document: Document) -> None:
        """Show what is there now."""
        spot = self._kith_spot
        read, session = _element_type(spot.holds).read, spot.root.session
        shown: set[Any] = {
            read(from_payload(element), session) for element in document.elements(*spot.path)
        }
        shown.discard(UNREADABLE)
        super().intersection_update(shown)
        super().update(shown)

    def _change(self, added: Iterable[T], removed: Iterable[T]) -> None:
        """Put elements in and take some out: one transaction."""
        spot = self._kith_spot
        of = _element_type(spot.holds)
        edits: list[edit.Edit] = []
        for element in added:
            edits += edit.set_add(spot.path, spot.stored(element, of), spot.words)
        for element in removed:
            edits += edit.set_discard(spot.path, spot.stored(element, of), spot.words)
        if edits:
            spot.edit(lambda _: edits)

    def _turn_into(self, wanted: AbstractSet[T]) -> None:
        self._change(wanted - self, self - wanted)

    # ---------------------------------------------------------------- set's own methods

    @override
    def add(self, element: T, /) -> None:  # noqa: D102 - as set
        if element not in self:
            self._change([element], ())

    @override
    def discard(self, element: object, /) -> None:  # noqa: D102 - as set
        if element in self:
            self._change((), [element])  # type: ignore[list-item]  # it is one of them

    @override
    def remove(self, element: T, /) -> None:  # noqa: D102 - as set
        if element not in self:
            raise KeyError(element)
        self._change((), [element])

    @override
    def pop(self) -> T:  # noqa: D102 - as set
        element = next(iter(self), None)
        if element is None and None not in self:
            raise KeyError("pop from an empty set")
        self._change((), [element])  # type: ignore[list-item]  # an element of this set
        return element  # type: ignore[return-value]

    @override
    def clear(self) -> None:  # noqa: D102 - as set
        self._turn_into(set())

    @override
    def update(self, *others: Iterable[T]) -> None:  # noqa: D102 - as set
        self._turn_into(set(self).union(*others))

    @override
    def difference_update(self, *others: Iterable[Any]) -> None:  # noqa: D102 - as set
        self._turn_into(set(self).difference(*others))

    @override
    def intersection_update(self, *others: Iterable[Any]) -> None:  # noqa: D102 - as set
        self._turn_into(set(self).intersection(*others))

    @override
    def symmetric_difference_update(self, other: Iterable[T], /) -> None:  # noqa: D102 - as set
        self._turn_into(set(self).symmetric_difference(other))

    @override
    def __ior__(self, other: AbstractSet[T], /) -> ObservedSet[T]:  # type: ignore[override]  # as the builtin does
        self.update(other)
        return self

    @override
    def __iand__(self, other: AbstractSet[object], /) -> ObservedSet[T]:
        self.intersection_update(other)
        return self

    @override
    def __isub__(self, other: AbstractSet[object], /) -> ObservedSet[T]:
        self.difference_update(other)
        return self

    @override
    def __ixor__(self, other: AbstractSet[T], /) -> ObservedSet[T]:  # type: ignore[override]  # as the builtin does
        self.symmetric_difference_update(other)
        return self

    @override
    def copy(self) -> set[T]:  # noqa: D102 - as set
        return set(self)

    @override
    def __or__(self, other: AbstractSet[Any], /) -> set[Any]:
        return set(self) | other

    @override
    def __and__(self, other: AbstractSet[object], /) -> set[T]:
        return set(self) & other

    @override
    def __sub__(self, other: AbstractSet[Any], /) -> set[T]:
        return set(self) - other

    @override
    def __xor__(self, other: AbstractSet[Any], /) -> set[Any]:
        return set(self) ^ other

    @override
    def union(self, *others: Iterable[Any]) -> set[Any]:  # noqa: D102 - as set
        return set(self).union(*others)

    @override
    def intersection(self, *others: Iterable[object]) -> set[T]:  # noqa: D102 - as set
        return set(self).intersection(*others)

    @override
    def difference(self, *others: Iterable[Any]) -> set[T]:  # noqa: D102 - as set
        return set(self).difference(*others)

    @override
    def symmetric_difference(self, other: Iterable[Any], /) -> set[Any]:  # noqa: D102 - as set
        return set(self).symmetric_difference(other)

    @override
    def __repr__(self) -> str:
        return repr(set(self))

    @override
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> tuple[type, tuple[list[T]]]:
        return set, (list(self),)


def _element_type(holds: FieldType) -> FieldType:
    inner = plain_type(holds)
    return inner.of if isinstance(inner, SetOf) else Anything()


MAKERS["set"] = ObservedSet._kith_make  # noqa: SLF001 - ours
