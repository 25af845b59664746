"""Both stores keep what the port promises; and the suite finds a store that keeps nothing."""

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from kithspace.adapters.disk import Session, SqliteStore
from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.effects import Row
from kithspace.ports import Store
from kithspace.testing.conformance_queries import StoreQueries
from kithspace.testing.conformance_store import (
    StoreAtomicity,
    StoreBasics,
    StoreErasure,
    StoreOrder,
    StoreReopening,
    StoreWire,
)
from kithspace.testing.faults import FaultyStore
from kithspace.testing.store_suite import StoreOpener, StoreSuite


class MemoryOpener:
    def open(self, *, is_next_boot: bool = False) -> Store:
        return MemoryStore()


class SqliteOpener:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "space.db"
        self._opened: list[SqliteStore] = []

    def open(self, *, is_next_boot: bool = False) -> Store:
        boot = b"next boot" if is_next_boot else b"boot"
        session = Session(b"instance", boot)
        self._opened.append(SqliteStore(self._path, bytes(32), vault="Ana", session=session))
        return self._opened[-1]

    def close(self) -> None:
        for store in self._opened:
            store.close(clean=False)


class TestMemoryStore(
    StoreBasics, StoreAtomicity, StoreOrder, StoreErasure, StoreWire, StoreQueries
):
    @pytest.fixture
    def opener(self) -> StoreOpener:
        return MemoryOpener()


class TestSqliteStore(
    StoreBasics, StoreAtomicity, StoreOrder, StoreErasure, StoreWire, StoreQueries, StoreReopening
):
    @pytest.fixture
    def opener(self, tmp_path: Path) -> Iterator[StoreOpener]:
        opener = SqliteOpener(tmp_path)
        yield opener
        opener.close()


class ForgetfulStore(FaultyStore):
    """Takes everything and keeps nothing."""

    def commit(self, rows: Sequence[Row]) -> None:
        for _ in rows:
            pass


class ForgetfulOpener:
    def open(self, *, is_next_boot: bool = False) -> Store:
        return ForgetfulStore(MemoryStore(), fail_at=1)


SUITES = (
    StoreBasics,
    StoreAtomicity,
    StoreOrder,
    StoreErasure,
    StoreWire,
    StoreQueries,
    StoreReopening,
)
TESTS = [
    pytest.param(suite, name, id=f"{suite.__name__}.{name}")
    for suite in SUITES
    for name, _ in inspect.getmembers(suite, inspect.isfunction)
    if name.startswith("test_")
]


@pytest.mark.parametrize(("suite", "name"), TESTS)
def test_no_part_of_the_suite_passes_on_a_store_that_forgets(
    suite: type[StoreSuite], name: str
) -> None:
    with pytest.raises(AssertionError):
        getattr(suite(), name)(ForgetfulOpener())


def test_a_suite_with_a_part_left_out_is_refused() -> None:
    with pytest.raises(TypeError, match="StoreErasure"):
        type("TestHalf", (StoreBasics, StoreAtomicity, StoreOrder, StoreWire), {})
