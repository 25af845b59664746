"""What is a number that many may count up at the same time?

`task.votes += 1` reads a `Counter`, makes another one that knows by how much it was raised and from
where it came, and assigns it: the field then adds that much, whoever counts at the same time.
Assigning a counter that came from elsewhere sets the field anew (amendments: Counters).
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

_NO_SOURCE: Final = None


class Source(NamedTuple):
    """The field that a counter was read from."""

    holder: object
    name: str


class Counter(int):
    """Prints and compares as an int; `+=` and `-=` on a field merge."""

    __kith_kind__ = "counter"
    _kith_source: Source | None = None
    _kith_added: int = 0

    def __iadd__(self, n: int) -> Self:
        return self._kith_raised(n)  # type: ignore[return-value]  # there are no others

    def __isub__(self, n: int) -> Self:
        return self._kith_raised(-n)  # type: ignore[return-value]

    def __copy__(self) -> Counter:
        return Counter(int(self))

    def __deepcopy__(self, memo: object) -> Counter:
        return Counter(int(self))

    def _kith_raised(self, n: int) -> Counter:
        if not isinstance(n, int):
            return NotImplemented
        raised = Counter(int(self) + n)
        raised._kith_source = self._kith_source
        raised._kith_added = self._kith_added + n
        return raised

    @classmethod
    def _kith_read_from(cls, holder: object, name: str, value: int) -> Counter:
        """Return the counter of a field."""
        counter = cls(value)
        counter._kith_source = Source(holder, name)
        return counter

    def _kith_added_to(self, holder: object, name: str) -> int | None:
        """By how much it was raised, if it was read from this field; else None."""
        source = self._kith_source
        if source is None or source.holder is not holder or source.name != name:
            return None
        return self._kith_added
