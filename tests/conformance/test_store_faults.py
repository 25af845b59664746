"""B5: whatever fails in a commit, at whatever write, leaves file and memory as they were."""

import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from kithspace.adapters.disk import Session, SqliteStore
from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.effects import PutObject, Row
from kithspace.errors import DiskFull, VaultDamaged
from kithspace.testing import store_rows as some
from kithspace.testing.faults import FaultyDisk, FaultyStore

SESSION = Session(b"instance", b"boot")
KEY = bytes(range(32))
MANY = 400
"""More moments than a commit of the rows below has."""


def open_store(path: Path, vfs: str | None = None) -> SqliteStore:
    return SqliteStore(path, KEY, vault="Ana", session=SESSION, vfs=vfs)


def big_object(n: int) -> PutObject:
    return some.an_object(n, '"' + "x" * 5_000 + '"')


@pytest.mark.parametrize("is_for_good", [False, True])
@pytest.mark.parametrize("error", [apsw.FullError, apsw.IOError])
def test_b5_a_disk_that_fails_at_any_moment_leaves_nothing(
    tmp_path: Path, error: type[apsw.Error], *, is_for_good: bool
) -> None:
    disk = FaultyDisk("faulty")
    disk.error, disk.is_for_good = error, is_for_good
    rows: list[Row] = [some.feed(1, 4), some.block(1, 3), *(big_object(n) for n in range(1, 5))]
    failures = 0
    for moment in range(MANY):
        path = tmp_path / f"{moment}.db"
        store = open_store(path, disk.name)
        store.commit(some.EVERYTHING)
        before = some.look_at(store.state())
        disk.left = moment
        try:
            store.commit(rows)
        except (DiskFull, VaultDamaged):
            disk.left = -1
            failures += 1
            assert some.look_at(store.state()) == before
            store.close(clean=False)
            again = open_store(path, disk.name)
            assert some.look_at(again.state()) == before
            again.commit(rows)
            assert again.state().object(4) == big_object(4)
            again.close(clean=True)
        else:
            disk.left = -1
            store.close(clean=True)
            break
    assert failures > 10


def test_a_full_disk_is_named_as_such(tmp_path: Path) -> None:
    disk = FaultyDisk("full")
    store = open_store(tmp_path / "space.db", disk.name)
    store.commit([some.feed(1)])
    disk.left = 0
    with pytest.raises(DiskFull, match="The disk is full"):
        store.commit([some.feed(2)])
    store.close(clean=False)


FILL = """
import resource, signal, sys
from pathlib import Path
from kithspace.adapters.disk import Session, SqliteStore
from kithspace.core.effects import PutObject, Row
from kithspace.errors import DiskFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
store = SqliteStore(Path(sys.argv[1]), bytes(range(32)), vault="Ana",
                    session=Session(b"instance", b"boot"))
n = 0
try:
    while True:
        n += 1
        store.commit([PutObject(n, n.to_bytes(16, "big"), 1, 1, n, "x" * 9_000, b"")])
except DiskFull:
    print(n - 1, store.state().last_object())
"""


def test_a_file_that_may_not_grow_is_a_full_disk_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    command = [sys.executable, "-c", FILL, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    written, last = map(int, run.stdout.split())
    assert written == last > 3
    store = open_store(path)
    assert store.state().last_object() == written
    store.commit([some.an_object(written + 1)])
    store.close(clean=True)


def test_a_damaged_page_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    store = open_store(path)
    store.commit([some.an_object(n, '"' + "x" * 1_500 + '"') for n in range(1, 200)])
    store.close(clean=True)
    damaged = bytearray(path.read_bytes())
    for page in range(8, len(damaged) // 2_048):
        damaged[page * 2_048 + 100] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(VaultDamaged, match=r"Part of the vault “Ana” cannot be read \(space\.db\)"):
        read_all(path)
    assert path.read_bytes() == bytes(damaged)


def read_all(path: Path) -> None:
    store = open_store(path)
    try:
        for n in range(1, 200):
            store.state().object(n)
    finally:
        store.close(clean=False)


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    path.write_bytes(b"not a database, " * 1_000)
    with pytest.raises(VaultDamaged):
        open_store(path)
    assert path.read_bytes() == b"not a database, " * 1_000


def test_another_key_does_not_open_it(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    open_store(path).close(clean=True)
    with pytest.raises(VaultDamaged):
        SqliteStore(path, bytes(32), vault="Ana", session=SESSION)


def test_s1_nothing_readable_lies_on_the_disk(tmp_path: Path) -> None:
    store = open_store(tmp_path / "space.db")
    store.commit([some.an_object(1, '"a canary in the mine"'), some.block(1, 1)])
    store.sync()
    assert found(tmp_path, b"canary") == found(tmp_path, b"body 1 of 1") == []
    store.close(clean=True)
    assert found(tmp_path, b"canary") == found(tmp_path, b"body 1 of 1") == []
    assert found(tmp_path, b"SQLite format") == []


def found(folder: Path, text: bytes) -> list[str]:
    files = [path for path in folder.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) > 4_096
    return [path.name for path in files if text in path.read_bytes()]


def test_a_faulty_store_fails_at_every_nth_commit_and_keeps_the_rest() -> None:
    store = FaultyStore(MemoryStore(), fail_at=3)
    for n in range(1, 8):
        if n in (3, 6):
            with pytest.raises(DiskFull):
                store.commit([some.feed(n)])
        else:
            store.commit([some.feed(n)])
    assert [row.n for row in store.state().feeds()] == [1, 2, 4, 5, 7]
