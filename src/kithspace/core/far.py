"""How are the children of a big container read, when they lie in rows of their own?

Rules:
    B2  A container over 32 children or 3 KB lies in `items`, a row per child. A child is read when
        it is asked for, and all of them when the container is read as a whole.

What is read is what is stored at that moment; what was changed since the object was loaded lies
over it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


class Rows(Protocol[T]):
    """The stored children of one container."""

    def one(self, segment: bytes) -> T | None:
        """Read one child, by the key of its segment."""

    def all(self) -> dict[bytes, T]:
        """Read every child."""


class Far(Generic[T]):
    """Children in rows. Changes give a new value; what was read is kept for all of them."""

    __slots__ = ("_read", "_rows", "over")

    def __init__(
        self,
        rows: Rows[T] | None,
        over: Mapping[bytes, T | None],
        read: "_Read[T] | None" = None,
    ) -> None:
        """Make it from stored rows and changes.

        Args:
            rows: What is stored; None if nothing is yet.
            over: What differs: a child, or None for one that is no more.
            read: What other versions of the same container read already.
        """
        self._rows = rows
        self.over = over
        self._read: _Read[T] = _Read() if read is None else read

    def get(self, segment: bytes) -> T | None:
        """The child of this key, or None."""
        if segment in self.over:
            return self.over[segment]
        read = self._read
        if segment not in read.some and not read.is_whole and self._rows is not None:
            read.some[segment] = self._rows.one(segment)
        return read.some.get(segment)

    def items(self) -> Iterator[tuple[bytes, T]]:
        """All children, in no order."""
        for segment, child in self._all().items():
            if segment not in self.over and child is not None:
                yield segment, child
        for segment, child in self.over.items():
            if child is not None:
                yield segment, child

    def values(self) -> Iterator[T]:
        """All children, in no order."""
        return (child for _, child in self.items())

    def put(self, segment: bytes, child: T | None) -> "Far[T]":
        """The same with one child exchanged."""
        return Far(self._rows, {**self.over, segment: child}, self._read)

    def put_all(self, children: Mapping[bytes, T | None]) -> "Far[T]":
        """The same with several children exchanged."""
        return Far(self._rows, {**self.over, **children}, self._read)

    def settled(self, settle: Callable[[T], T]) -> "Far[T]":
        """The same when the changes are on disk: they count as read."""
        read = self._read
        for segment, child in self.over.items():
            read.some[segment] = None if child is None else settle(child)
        read.is_whole = read.is_whole or self._rows is None
        return Far(self._rows, {}, read)

    def is_version_of(self, other: "Far[T]") -> bool:
        """Whether both lie over the same rows."""
        return self._read is other._read  # noqa: SLF001 - of its own kind

    def _all(self) -> dict[bytes, T | None]:
        read = self._read
        if not read.is_whole:
            if self._rows is not None:
                read.some = dict(self._rows.all())
            read.is_whole = True
        return read.some


class _Read(Generic[T]):
    """What was read so far: a cache, shared by all versions."""

    __slots__ = ("is_whole", "some")

    def __init__(self) -> None:
        self.some: dict[bytes, T | None] = {}
        self.is_whole = False
