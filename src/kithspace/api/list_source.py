"""How is a list that the vault keeps (spaces, members, devices) shown as `Results`?"""

from __future__ import annotations

from collections import Counter as Tally
from typing import TYPE_CHECKING, Generic, TypeVar

from kithspace.api.change import Change
from kithspace.errors import BadQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kithspace.api.results import Results
    from kithspace.api.watch import Via

T = TypeVar("T")


class ListSource(Generic[T]):
    """A list that is read anew each time.

    Args:
        kinds: What it gives, in the plural.
        read: Reads it.
        follow: Calls back when it may have changed; returns what stops that.
        thread: The thread for callbacks.
    """

    def __init__(
        self,
        kinds: str,
        read: Callable[[], list[T]],
        follow: Callable[[Callable[[], None]], Callable[[], None]],
        thread: Via,
    ) -> None:
        self.kinds = kinds
        self.thread = thread
        self._read = read
        self._follow = follow

    def fetch(self) -> Sequence[T]:
        """Return all there is, in order."""
        return self._read()

    def count(self) -> int:
        """Return how many there are."""
        return len(self._read())

    def has(self, value: object) -> bool:
        """Whether a value is among them."""
        return value in self._read()

    def part(self, offset: int, limit: int | None) -> ListSource[T]:
        """Return the same, cut."""
        end = None if limit is None else offset + limit
        return ListSource(self.kinds, lambda: self._read()[offset:end], self._follow, self.thread)

    def ordered(self, fields: Sequence[str]) -> ListSource[T]:
        """Return the same in another order."""

        def read() -> list[T]:
            found = self._read()
            for field in reversed(fields):
                name = field.removeprefix("-")
                if found and not hasattr(found[0], name):
                    raise BadQuery(f"{self.kinds} have no {name!r}.", "Order by another one.")
                found.sort(key=lambda one: getattr(one, name), reverse=field.startswith("-"))
            return found

        return ListSource(self.kinds, read, self._follow, self.thread)

    def explain(self) -> str:
        """Say how it is found."""
        return f"A list that the vault keeps; {self.count():,} {self.kinds}."

    def watch(
        self, results: Results[T], call: Callable[[Change[T]], object], via: Via, *, now: bool
    ) -> Callable[[], None]:
        """Tell what changes; return what stops it."""
        watcher = _Watcher(self._read, results, call, via)
        stop = self._follow(watcher.look)
        if now:
            watcher.begin()

        def end() -> None:
            watcher.is_stopped = True
            stop()

        return end

    def when_over(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when the vault is closed; return what forgets it."""
        return self._follow(lambda: None)


class _Watcher(Generic[T]):
    """Compares a list with what was told last."""

    def __init__(
        self,
        read: Callable[[], list[T]],
        results: Results[T],
        call: Callable[[Change[T]], object],
        via: Via,
    ) -> None:
        self._read = read
        self._results = results
        self._call = call
        self._via = via
        self._told = read()
        self.is_stopped = False

    def begin(self) -> None:
        """Tell the content at the start."""
        first = Change(self._results, added=list(self._told), first=True)
        self._via(lambda: self._tell(first))

    def look(self) -> None:
        """Tell what is different, where callbacks go."""
        if not self.is_stopped:
            self._via(self._compare)

    def _compare(self) -> None:
        now = self._read()
        before, after = Tally(self._told), Tally(now)
        added = [one for one in now if one not in before]
        removed = [one for one in self._told if one not in after]
        self._told = now
        if added or removed:
            self._tell(Change(self._results, added=added, removed=removed))

    def _tell(self, change: Change[T]) -> None:
        if not self.is_stopped:
            self._call(change)
