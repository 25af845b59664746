"""What is the answer to a question, now and while it changes?

A `Results` is a sequence that is asked when it is read; nobody watches, it costs nothing. Iterating
walks what was there at the start (Q5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from kithspace.api.overriding import override
from kithspace.api.watch import ChangeStream, Via, Watch, where_to_call
from kithspace.errors import Ambiguous, BadQuery, NotFound

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from kithspace.api.change import Change

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Source(Protocol[T]):
    """What answers: a query, or a list that the vault keeps."""

    @property
    def kinds(self) -> str:
        """What it gives, in the plural."""

    def fetch(self) -> Sequence[T]:
        """Return all there is, in order."""

    def count(self) -> int:
        """Return how many there are."""

    def has(self, value: object) -> bool:
        """Whether a value is among them."""

    def part(self, offset: int, limit: int | None) -> Source[T]:
        """Return the same, cut."""

    def ordered(self, fields: Sequence[str]) -> Source[T]:
        """Return the same in another order."""

    def explain(self) -> str:
        """Say how it is found."""

    def watch(
        self, results: Results[T], call: Callable[[Change[T]], object], via: Via, *, now: bool
    ) -> Callable[[], None]:
        """Tell what changes; return what stops it."""

    def when_over(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call when the vault is closed; return what forgets it."""

    @property
    def thread(self) -> Via:
        """The thread for callbacks."""


class Results(Sequence[T], Generic[T]):
    """Objects that fit; live and lazy."""

    def __init__(self, source: Source[T]) -> None:
        self._source = source

    # ---------------------------------------------------------------- reading

    @override
    def __len__(self) -> int:
        return self._source.count()

    @override
    def __iter__(self) -> Iterator[T]:
        return iter(self._source.fetch())

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    @override
    def __getitem__(self, index: int | slice) -> T | Sequence[T]:
        if isinstance(index, int):
            if index < 0:
                return self._source.fetch()[index]
            found = self._source.part(index, 1).fetch()
            if not found:
                raise IndexError(f"there are {len(self)} {self._source.kinds}, not {index + 1}")
            return found[0]
        start, stop, step = index.start or 0, index.stop, index.step
        if start < 0 or (stop is not None and stop < 0) or step not in (None, 1):
            return self._source.fetch()[index]
        return self._source.part(start, None if stop is None else max(stop - start, 0)).fetch()

    @override
    def __contains__(self, value: object) -> bool:
        return self._source.has(value)

    def __bool__(self) -> bool:
        return bool(self._source.part(0, 1).fetch())

    def first(self) -> T | None:
        """Return the first; None if there is none."""
        return next(iter(self._source.part(0, 1).fetch()), None)

    def one(self) -> T:
        """Return the only one.

        Raises:
            NotFound: There is none.
            Ambiguous: There are several.
        """
        found = self._source.part(0, 2).fetch()
        if not found:
            raise NotFound(
                f"There are no {self._source.kinds} that fit.", "Ask for less, or use first()."
            )
        if len(found) > 1:
            raise Ambiguous.results(len(self), self._source.kinds)
        return found[0]

    # ---------------------------------------------------------------- asking on

    def order_by(self, *fields: str) -> Results[T]:
        """Return them in another order: `"-priority"`, `"title:nocase"`.

        Raises:
            BadQuery: A field has no order.
            UnknownField: There is no such field.
        """
        return Results(self._source.ordered(fields))

    def limit(self, n: int, *, offset: int = 0) -> Results[T]:
        """Return at most `n` of them, after leaving out `offset`."""
        if n < 0 or offset < 0:
            raise BadQuery("A limit and an offset are at least 0.", "Give whole numbers.")
        return Results(self._source.part(offset, n))

    def sum(self, field: str) -> Any:  # noqa: ANN401 - as the field's type adds up
        """Return the sum of a field; what is None is left out."""
        values = self._values(field)
        return sum(values[1:], start=values[0]) if values else 0

    def min(self, field: str) -> Any:  # noqa: ANN401 - the field's type
        """Return the least value of a field; None if there is none."""
        return min(self._values(field), default=None)

    def max(self, field: str) -> Any:  # noqa: ANN401 - the field's type
        """Return the greatest value of a field; None if there is none."""
        return max(self._values(field), default=None)

    def mean(self, field: str) -> Any:  # noqa: ANN401 - the field's type, divided
        """Return the mean of a field; None if there is none."""
        values = self._values(field)
        return sum(values[1:], start=values[0]) / len(values) if values else None

    def _values(self, field: str) -> list[Any]:
        values = [getattr(one, field) for one in self._source.fetch()]
        return [value for value in values if value is not None]

    def explain(self) -> str:
        """Say whether an index answers, or every object is read, and why."""
        return self._source.explain()

    # ---------------------------------------------------------------- following

    def watch(
        self, call: Callable[[Change[T]], object], *, now: bool = True, via: Via | None = None
    ) -> Watch:
        """Call with the current content, then with every change, whoever makes it.

        Args:
            call: One call at a time, in order, never inside your own statement.
            now: Whether to begin with the current content.
            via: Where to call; else on the event loop that runs here, else on the thread
                `kithspace-callbacks`.
        """
        source = self._source
        return Watch(source.watch(self, call, where_to_call(via, source.thread), now=now))

    def __aiter__(self) -> AsyncIterator[Change[T]]:
        stream: ChangeStream[T] = ChangeStream()
        source = self._source
        stop = source.watch(self, stream.put, where_to_call(None, source.thread), now=True)
        forget = source.when_over(stream.finish)

        def end() -> None:
            forget()
            stop()

        return stream.changes(end)

    @override
    def __repr__(self) -> str:
        shown = self[:5]
        more = ", …" if len(shown) == 5 and len(self) > 5 else ""
        return f"[{', '.join(map(repr, shown))}{more}]"
