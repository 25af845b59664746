"""What does a watcher get to see?

Changes of one watch merge while they wait (G6): what came and went again is not told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from kithspace.api.overriding import override

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from kithspace.api.live import Delta
    from kithspace.api.results import Results
    from kithspace.core.ids import IdentityId, ObjectId

T = TypeVar("T")

_SHOWN = 3


class Change(Generic[T]):
    """What happened to a result since it was last told.

    Attributes:
        added: What came in; at first all there is.
        updated: What stayed, with other values.
        removed: What left: deleted, or not fitting any more.
        results: The result, live.
        first: Whether this is the content at the start.
        who: Names of those who made the changes, each once.
    """

    __slots__ = ("_names", "_who", "added", "first", "removed", "results", "updated")

    def __init__(
        self,
        results: Results[T],
        *,
        added: Sequence[T] = (),
        updated: Sequence[T] = (),
        removed: Sequence[T] = (),
        first: bool = False,
        who: Iterable[IdentityId] = (),
        names: Callable[[IdentityId], str] = str,
    ) -> None:
        self.results = results
        self.added = added
        self.updated = updated
        self.removed = removed
        self.first = first
        self._who = tuple(who)
        self._names = names

    @property
    def who(self) -> Sequence[str]:
        """Names of those who made the changes, each once."""
        return [self._names(identity) for identity in self._who]

    @override
    def __repr__(self) -> str:
        if self.first:
            return f"now: {_listed(self.added)}"
        parts = [
            f"{words}: {_listed(those)}"
            for words, those in (
                ("added", self.added),
                ("updated", self.updated),
                ("removed", self.removed),
            )
            if those
        ]
        return " · ".join([*parts, f"by {', '.join(self.who)}"] if self._who else parts)


def _listed(those: Sequence[object]) -> str:
    if not those:
        return "nothing"
    shown = ", ".join(map(repr, those[:_SHOWN]))
    return shown if len(those) <= _SHOWN else f"{shown} and {len(those) - _SHOWN:,} more"


class Gathered:
    """Changes that wait to be told, merged."""

    __slots__ = ("_states", "first", "who")

    def __init__(self) -> None:
        self._states: dict[ObjectId, str] = {}
        self.who: dict[IdentityId, None] = {}
        self.first = False

    def start(self, ids: Iterable[ObjectId]) -> None:
        """The content at the start."""
        self.first = True
        self._states = dict.fromkeys(ids, "added")

    def take(self, delta: Delta, who: Iterable[IdentityId]) -> None:
        """Merge in what happened next."""
        for id_ in delta.added:
            self._set(id_, _AFTER_ADD)
        for id_ in delta.updated:
            self._set(id_, _AFTER_UPDATE)
        for id_ in delta.removed:
            self._set(id_, _AFTER_REMOVE)
        self.who |= dict.fromkeys(who)

    def _set(self, id_: ObjectId, following: dict[str, str]) -> None:
        state = following[self._states.pop(id_, "")]
        if state:
            self._states[id_] = state

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not self._states and not self.first

    def those(self, state: str) -> list[ObjectId]:
        """Return the ids that were `added`, `updated` or `removed`."""
        return [id_ for id_, one in self._states.items() if one == state]


_AFTER_ADD = {"": "added", "added": "added", "updated": "updated", "removed": "updated"}
_AFTER_UPDATE = {"": "updated", "added": "added", "updated": "updated", "removed": "updated"}
_AFTER_REMOVE = {"": "removed", "added": "", "updated": "removed", "removed": "removed"}
