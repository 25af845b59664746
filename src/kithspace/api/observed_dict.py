"""What does a dict of an object in a space do?

It is a dict: every method of `dict` works and is saved. Each key is a cell of its own, so that
what several people set and remove merges. Keys come in a fixed order, the same for everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from kithspace.api.overriding import override
from kithspace.api.spot import MAKERS, Spot, plain_type, show
from kithspace.core import edit
from kithspace.core.container_type import DictOf
from kithspace.core.field_type import UNREADABLE
from kithspace.core.scalar_type import Anything
from kithspace.core.value import from_payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kithspace.core.document import Document

K = TypeVar("K")
V = TypeVar("V")

_MISSING = object()


class ObservedDict(dict[K, V]):
    """A dict in an object in a space."""

    __slots__ = ("_kith_spot",)
    _kith_maker = "dict"

    _kith_spot: Spot

    @classmethod
    def _kith_make(cls, spot: Spot, document: Document) -> ObservedDict[Any, Any]:
        new: ObservedDict[Any, Any] = cls()
        new._kith_spot = spot
        new._kith_refresh(document)
        return new

    def _kith_refresh(self, document: Document) -> None:
        """Show what is there now; parts that stay are kept."""
        spot = self._kith_spot
        holds = _dict_type(spot.holds)
        session = spot.root.session
        shown: dict[Any, Any] = {}
        for segment in document.keys(*spot.path):
            key: Any = holds.key.read(from_payload(segment), session)
            if key is UNREADABLE:
                continue
            value = show(spot.below(segment, holds=holds.of), document, self.get(key))
            if value is not UNREADABLE:
                shown[key] = value
        super().clear()
        super().update(shown)

    def _change(self, put: dict[K, V], removed: Iterable[K] = ()) -> None:
        """Set keys and take some out: one transaction."""
        spot = self._kith_spot
        holds = _dict_type(spot.holds)
        edits: list[edit.Edit] = []
        for key, value in put.items():
            stored = spot.stored(value, holds.of)
            name = spot.stored(key, holds.key)
            edits += edit.map_set(spot.path, name, stored, spot.words, spot.entropy)
        for key in removed:
            edits += edit.map_remove(spot.path, spot.stored(key, holds.key), spot.words)
        if edits:
            spot.edit(lambda _: edits)

    # ---------------------------------------------------------------- dict's own methods

    @override
    def __setitem__(self, key: K, value: V, /) -> None:
        self._change({key: value})

    @override
    def __delitem__(self, key: K, /) -> None:
        if key not in self:
            raise KeyError(key)
        self._change({}, [key])

    @override
    def pop(self, key: K, default: Any = _MISSING, /) -> Any:  # noqa: D102, ANN401 - as dict
        if key not in self:
            if default is _MISSING:
                raise KeyError(key)
            return default
        value = self[key]
        self._change({}, [key])
        return value

    @override
    def popitem(self) -> tuple[K, V]:  # noqa: D102 - as dict
        if not self:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self))
        return key, self.pop(key)

    @override
    def clear(self) -> None:  # noqa: D102 - as dict
        self._change({}, list(self))

    @override
    def update(self, *args: Any, **values: Any) -> None:  # noqa: D102, ANN401 - as dict
        self._change(dict(*args, **values))

    @override
    def setdefault(self, key: K, default: Any = None, /) -> Any:  # noqa: D102, ANN401 - as dict
        if key not in self:
            self._change({key: default})
        return self[key]

    @override
    def __ior__(self, other: Mapping[K, V] | Iterable[tuple[K, V]], /) -> ObservedDict[K, V]:  # type: ignore[override]  # as the builtin does
        self.update(other)
        return self

    @override
    def copy(self) -> dict[K, V]:  # noqa: D102 - as dict
        return dict(self)

    @override
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> tuple[type, tuple[list[tuple[K, V]]]]:
        return dict, (list(self.items()),)


def _dict_type(holds: object) -> DictOf:
    inner = plain_type(holds)  # type: ignore[arg-type]
    return inner if isinstance(inner, DictOf) else DictOf(Anything(), Anything())


MAKERS["dict"] = ObservedDict._kith_make  # noqa: SLF001 - ours
