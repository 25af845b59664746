"""What does a conformance suite of stores need: an opener, rows that break, and no gaps?

`conformance_store` holds the suites themselves.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Protocol

from kithspace.core.effects import Row
from kithspace.ports import Store


class StoreOpener(Protocol):
    """Gives the suite a store."""

    def open(self, *, is_next_boot: bool = False) -> Store:
        """Open it; each call of one opener the same one, closed by then.

        `is_next_boot`: as after the computer was started anew.
        """
        ...


class Interrupted(Exception):
    """Stands for whatever can happen in the middle of a commit."""


class Breaking(Sequence[Row]):
    """Rows of which one cannot be had."""

    def __init__(self, rows: Sequence[Row], at: int) -> None:
        self._rows, self._at = rows, at

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Row:  # type: ignore[override]
        if index == self._at:
            raise Interrupted
        return self._rows[index]

    def __iter__(self) -> Iterator[Row]:
        return (self[index] for index in range(len(self._rows)))


class StoreSuite:
    """The base of the suites; not one by itself."""

    _SUITES: ClassVar[list[type]] = []

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if StoreSuite in cls.__bases__:
            StoreSuite._SUITES.append(cls)
            return
        needed = [suite for suite in StoreSuite._SUITES if suite.__name__ != "StoreReopening"]
        missing = [suite.__name__ for suite in needed if not issubclass(cls, suite)]
        if missing:
            raise TypeError(f"{cls.__name__} leaves out {', '.join(missing)}")
