"""What does a list of an object in a space do?

It is a list: every method of `list` works and is saved. Its items have identities of their own, so
that changes of several people merge (data rules L1 to L4); `move` keeps them.

Where C code changes it past our methods, as `heapq` does, the difference is found at the next
access to it, or at the end of the transaction (experience.md section 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, overload

from kithspace.api.overriding import override
from kithspace.api.reorder import moving
from kithspace.api.spot import MAKERS, Spot, is_plain, plain_type, show
from kithspace.core import edit
from kithspace.core.container_type import ListOf
from kithspace.core.field_type import UNREADABLE, FieldType
from kithspace.core.scalar_type import Anything

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kithspace.core.document import Document
    from kithspace.core.ids import ItemId

T = TypeVar("T")


class ObservedList(list[T]):
    """A list in an object in a space."""

    __slots__ = ("__weakref__", "_kith_ids", "_kith_seen", "_kith_spot")
    _kith_maker = "list"

    _kith_ids: list[ItemId]
    _kith_seen: list[T]
    _kith_spot: Spot

    # ---------------------------------------------------------------- showing

    @classmethod
    def _kith_make(cls, spot: Spot, document: Document) -> ObservedList[Any]:
        new: ObservedList[Any] = cls()
        new._kith_spot, new._kith_ids, new._kith_seen = spot, [], []
        new._kith_refresh(document)
        return new

    def _kith_refresh(self, document: Document) -> None:
        """Show what is there now; parts that stay are kept."""
        spot = self._kith_spot
        of = _element_type(spot.holds)
        ids = document.items(*spot.path)
        shown: list[Any]
        if is_plain(of):
            stored: Any = document.get(*spot.path) if ids else []
            session = spot.root.session
            shown = [of.read(value, session) for value in stored]
        else:
            old = dict(zip(self._kith_ids, self._kith_seen, strict=True))
            shown = [show(spot.below(id_, "v", holds=of), document, old.get(id_)) for id_ in ids]
        if any(value is UNREADABLE for value in shown):
            pairs = [(i, v) for i, v in zip(ids, shown, strict=True) if v is not UNREADABLE]
            ids, shown = [i for i, _ in pairs], [v for _, v in pairs]
        self._kith_ids = ids
        self._kith_seen = shown
        super().__setitem__(slice(None), shown)

    def _kith_reconcile(self) -> None:
        """Save what C code did past our methods."""
        seen = self._kith_seen
        if len(seen) == len(self) and all(map(_is, seen, self)):
            return
        wanted = list(self)
        super().__setitem__(slice(None), seen)
        self._replace(wanted)

    # ---------------------------------------------------------------- writing

    def _stored(self, values: Iterable[T]) -> list[object]:
        of, stored = _element_type(self._kith_spot.holds), self._kith_spot.stored
        return [stored(value, of) for value in values]

    def _insert(self, index: int, values: Sequence[T]) -> None:
        """Put values in before the item at `index`."""
        self._kith_reconcile()
        stored, spot = self._stored(values), self._kith_spot
        before = self._kith_ids[index] if index < len(self._kith_ids) else None

        def insert(doc: Document) -> list[edit.Edit]:
            ids = doc.items(*spot.path)
            place = ids.index(before) if before is not None else len(ids)
            return edit.list_insert(doc, spot.path, place, stored, spot.words, spot.entropy)

        if stored:
            spot.edit(insert)

    def _remove(self, ids: Sequence[ItemId]) -> None:
        spot = self._kith_spot
        if ids:
            spot.edit(lambda _: edit.list_remove(spot.path, ids))

    def _assign(self, index: int, value: T) -> None:
        (stored,), spot = self._stored([value]), self._kith_spot
        item = self._kith_ids[index]
        spot.edit(lambda _: edit.list_assign(spot.path, item, stored, spot.words, spot.entropy))

    def _move(self, item: ItemId, before: ItemId | None) -> None:
        """Move an item before another one, or to the end."""
        spot = self._kith_spot

        def move(doc: Document) -> list[edit.Edit]:
            others = [one for one in doc.items(*spot.path) if one != item]
            place = others.index(before) if before is not None else len(others)
            return edit.list_move(doc, spot.path, item, place, spot.entropy)

        spot.edit(move)

    def _replace(self, wanted: list[T]) -> None:
        """Turn what is there into `wanted`: the same thing keeps its identity."""
        with self._kith_spot.root.session.transaction():
            sources = _sources(self._kith_seen, wanted)
            ids = [None if source is None else self._kith_ids[source] for source in sources]
            kept = [source for source in sources if source is not None]
            gone = set(range(len(self._kith_ids))).difference(kept)
            self._remove([self._kith_ids[place] for place in sorted(gone)])
            staying = [item for item in ids if item is not None]
            for place in reversed(moving(kept)):
                follower = staying[place + 1] if place + 1 < len(staying) else None
                self._move(staying[place], follower)
            for place, item in enumerate(ids):
                if item is None:
                    self._insert(place, [wanted[place]])

    # ---------------------------------------------------------------- list's own methods

    @override
    def append(self, value: T, /) -> None:  # noqa: D102 - as list
        self._insert(len(self), [value])

    @override
    def extend(self, values: Iterable[T], /) -> None:  # noqa: D102 - as list
        self._insert(len(self), list(values))

    @override
    def insert(self, index: SupportsIndex, value: T, /) -> None:  # noqa: D102 - as list
        at = index.__index__()
        self._insert(max(0, at + len(self)) if at < 0 else min(at, len(self)), [value])

    @override
    def remove(self, value: T, /) -> None:  # noqa: D102 - as list
        del self[self.index(value)]

    @override
    def pop(self, index: SupportsIndex = -1, /) -> T:  # noqa: D102 - as list
        value = self[index]
        del self[index]
        return value

    @override
    def clear(self) -> None:  # noqa: D102 - as list
        del self[:]

    @override
    def reverse(self) -> None:  # noqa: D102 - as list
        self._kith_reconcile()
        self._replace(self[::-1])

    @override
    def sort(  # noqa: D102 - as list
        self, *, key: Callable[[T], Any] | None = None, reverse: bool = False
    ) -> None:
        self._kith_reconcile()
        self._replace(sorted(self, key=key, reverse=reverse))  # type: ignore[type-var, arg-type]

    def move(self, start: SupportsIndex, end: SupportsIndex, /) -> None:
        """Move an item to where `end` is; one write, and it keeps its identity."""
        self._kith_reconcile()
        ids = list(self._kith_ids)
        source, target = range(len(ids))[start], range(len(ids))[end]
        if source != target:
            item = ids.pop(source)
            self._move(item, ids[target] if target < len(ids) else None)

    @overload
    def __setitem__(self, index: SupportsIndex, value: T, /) -> None: ...
    @overload
    def __setitem__(self, index: slice, value: Iterable[T], /) -> None: ...
    @override
    def __setitem__(self, index: Any, value: Any, /) -> None:
        self._kith_reconcile()
        if not isinstance(index, slice):
            self._assign(range(len(self))[index], value)
            return
        values, places = list(value), range(len(self))[index]
        if index.step not in (None, 1):
            # As `list` does: the same number of values, or ValueError.
            list(self).__setitem__(index, values)
            both = len(values)
        else:
            both = min(len(places), len(values))
        with self._kith_spot.root.session.transaction():
            for place, one in zip(places[:both], values, strict=False):
                self._assign(place, one)
            self._remove([self._kith_ids[place] for place in places[both:]])
            self._insert(places.start + both, values[both:])

    @override
    def __delitem__(self, index: SupportsIndex | slice, /) -> None:
        self._kith_reconcile()
        found = self._kith_ids[index]
        self._remove(found if isinstance(found, list) else [found])

    @override
    def __iadd__(self, values: Iterable[T], /) -> ObservedList[T]:  # type: ignore[override]  # as the builtin does
        self.extend(values)
        return self

    @override
    def __imul__(self, times: SupportsIndex, /) -> ObservedList[T]:
        count = times.__index__()
        if count < 1:
            self.clear()
        else:
            self.extend(list(self) * (count - 1))
        return self

    @override
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> tuple[type, tuple[list[T]]]:
        return list, (list(self),)


def _is(a: object, b: object) -> bool:
    return a is b


def _sources(old: Sequence[object], wanted: Sequence[object]) -> list[int | None]:
    """Return for each wanted value the old place of the same thing; each place once."""
    places: dict[int, list[int]] = {}
    for place in reversed(range(len(old))):
        places.setdefault(id(old[place]), []).append(place)
    found = [places.get(id(value)) for value in wanted]
    return [those.pop() if those else None for those in found]


def _element_type(holds: FieldType) -> FieldType:
    inner = plain_type(holds)
    return inner.of if isinstance(inner, ListOf) else Anything()


MAKERS["list"] = ObservedList._kith_make  # noqa: SLF001 - ours
