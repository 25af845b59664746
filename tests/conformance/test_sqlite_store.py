"""What only the SQLite store promises: formats, indexes, few statements, no history at opening."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from kithspace.adapters.disk import Session, SqliteStore
from kithspace.adapters.disk.database import Database
from kithspace.adapters.disk.formats import SPACE
from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.block import Header, complete_header, encode_aad, read_header
from kithspace.core.condition import find_leaf, make_test
from kithspace.core.crypto import NONCE_BYTES
from kithspace.core.effects import PutBlock, PutKey, PutTouched, PutType, Row
from kithspace.core.envelope import OPENED, content_key, encode_clear, open_body, seal_body
from kithspace.core.ids import FeedId, GenerationId
from kithspace.core.query import Plan, index_columns
from kithspace.core.schema import Schema
from kithspace.errors import TooNew
from kithspace.testing import store_rows as some

KEY = bytes(range(32))
SESSION = Session(b"instance", b"boot")
FIXTURES = Path(__file__).parent / "fixtures"


def open_store(path: Path) -> SqliteStore:
    return SqliteStore(path, KEY, vault="Ana", session=SESSION)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = open_store(tmp_path / "space.db")
    yield store
    store.close(clean=False)


@contextmanager
def watched(call: Callable[[apsw.Connection], None]) -> Iterator[None]:
    """Call with every connection that is opened."""
    apsw.connection_hooks.append(call)
    try:
        yield
    finally:
        apsw.connection_hooks.remove(call)


# ---------------------------------------------------------------- B3


def test_b3_opening_and_reading_objects_touch_no_history(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    store = open_store(path)
    store.commit(some.EVERYTHING)
    store.close(clean=True)
    tables: set[str | None] = set()

    def note(operation: int, table: str | None, *_: str | None) -> int:
        if operation == apsw.SQLITE_READ:
            tables.add(table)
        return apsw.SQLITE_OK

    with watched(lambda connection: setattr(connection, "authorizer", note)):
        store = open_store(path)
        state = store.state()
        for reading in (state.feeds, state.credentials, state.keys, state.types):
            assert list(reading())
        assert state.about("floor")
        assert state.object(1)
        assert list(state.items(1, b"\x61a"))
        assert state.last_object() == 2
        assert tables >= {"feeds", "credentials", "keys", "types", "about", "objects", "items"}
        assert not tables & {"blocks", "touched", "held", "chunks"}
        assert state.block(1, 1)
        assert "blocks" in tables
        store.close(clean=True)


def test_an_everyday_commit_takes_six_statements(tmp_path: Path) -> None:
    statements: list[str] = []
    store = open_store(tmp_path / "space.db")
    store.commit([some.feed(1, 2), some.block(1, 1), some.an_object(1)])

    def note(_: object, statement: str, __: object) -> bool:
        statements.append(statement)
        return True

    store._database.connection.exec_trace = note
    rows: list[Row] = [
        some.feed(1, 3),
        some.block(1, 2),
        some.an_object(1, "[]"),
        PutTouched(1, 1 << 32 | 2),
    ]
    store.commit(rows)
    assert len(statements) == 6
    store._database.connection.exec_trace = None
    store.close(clean=True)


# ---------------------------------------------------------------- B4


def test_b4_a_file_of_format_1_opens_and_shows_what_it_held(tmp_path: Path) -> None:
    shutil.copy(FIXTURES / "space-1.db", tmp_path / "space.db")
    store = open_store(tmp_path / "space.db")
    seen = some.look_at(store.state())
    memory = MemoryStore()
    memory.commit(some.EVERYTHING)
    assert seen == some.look_at(memory.state())
    store.close(clean=True)


def test_b4_there_is_a_fixture_of_every_format() -> None:
    assert [path.name for path in sorted(FIXTURES.glob("space-*.db"))] == [
        f"space-{number}.db" for number in range(1, len(SPACE) + 1)
    ]


def add_colour(connection: apsw.Connection) -> None:
    connection.execute("alter table objects add column colour text")


def fail_half_way(connection: apsw.Connection) -> None:
    connection.execute("drop table blocks")
    raise apsw.FullError


def open_database(path: Path, *migrations: Callable[[apsw.Connection], None]) -> Database:
    return Database(path, KEY, vault="Ana", migrations=(*SPACE, *migrations))


def test_b4_a_migration_takes_an_older_file_along(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    shutil.copy(FIXTURES / "space-1.db", path)
    database = open_database(path, add_colour)
    assert database.connection.pragma("user_version") == len(SPACE) + 1
    assert database.execute(
        "select title, colour from (select doc->>'title' as title, colour from objects where n = 1)"
    ).fetchall() == [("Milk", None)]
    database.close()


def test_b4_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    shutil.copy(FIXTURES / "space-1.db", path)
    with pytest.raises(Exception, match="disk is full"):
        open_database(path, add_colour, fail_half_way)
    store = open_store(path)
    assert store.state().block(1, 1) == some.block(1, 1)
    store.close(clean=True)


def test_b4_a_newer_file_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    shutil.copy(FIXTURES / "space-1.db", path)
    open_database(path, add_colour).close()
    before = path.read_bytes()
    with pytest.raises(TooNew, match=r"The vault “Ana” was written by kithspace \d.*; this is \d"):
        open_store(path)
    assert path.read_bytes() == before


def test_b4_a_newer_file_with_unmerged_commits_is_refused_unchanged(tmp_path: Path) -> None:
    database = open_database(tmp_path / "other.db", add_colour)
    path, wal = tmp_path / "space.db", tmp_path / "space.db-wal"
    shutil.copy(tmp_path / "other.db", path)
    shutil.copy(tmp_path / "other.db-wal", wal)
    database.close()
    before = path.read_bytes(), wal.read_bytes()
    assert len(before[1]) > 0
    with pytest.raises(TooNew):
        open_store(path)
    assert (path.read_bytes(), wal.read_bytes()) == before


# ---------------------------------------------------------------- queries


TASK_COLUMNS = "coalesce(doc->>'$.priority',1), created, id"


def index_names(store: SqliteStore) -> dict[str, str]:
    rows = store._state.rows("select name, sql from sqlite_schema where name glob 't1_*'")
    return dict(rows)


def test_a_declared_index_is_made_changed_and_dropped_with_its_type(store: SqliteStore) -> None:
    one = json.dumps({"priority": TASK_COLUMNS, "we\"i'rd": "doc->>'$.x'"})
    store.commit([PutType(1, "task", 1, "{}", one)])
    assert sorted(index_names(store)) == ["t1_priority", "t1_we\"i'rd"]
    assert index_names(store)["t1_priority"].endswith("where type = 1 and live")
    other = json.dumps({"priority": "doc->>'$.priority', created, id"})
    store.commit([PutType(1, "task", 2, "{}", other)])
    assert list(index_names(store)) == ["t1_priority"]
    assert "coalesce" not in index_names(store)["t1_priority"]
    store.commit([PutType(1, "task", 3, "{}", "")])
    assert index_names(store) == {}


def test_q2_a_query_takes_the_declared_index(store: SqliteStore) -> None:
    schema = Schema("task", 1, {}, "task", is_open=True)
    leaf = find_leaf(schema, {}, ["priority"])[1]._replace(is_indexed=True)
    declared = json.dumps({"priority": index_columns(leaf)})
    store.commit([PutType(1, "task", 1, "{}", declared)])
    store.commit([some.an_object(n, json.dumps({"priority": n % 9})) for n in range(1, 500)])
    plan = Plan("task", (make_test((), leaf, "eq", 2),), limit=20)
    assert [row.n for row in store.query(plan)] == list(range(2, 182, 9))
    statement, parameters = plan.statement(lambda _: 1)
    steps = store._state.rows(f"explain query plan {statement}", parameters)
    assert len(steps) == 1
    assert steps[0][3].startswith("SEARCH objects USING INDEX t1_priority (")


# ---------------------------------------------------------------- B7


def test_b7_an_opened_block_is_sent_byte_for_byte_as_it_came(store: SqliteStore) -> None:
    generation, feed = GenerationId(bytes(16)), FeedId(some.feed(1).id)
    key = content_key(bytes(32), feed)
    aad = encode_aad(1, feed, 1, feed, (), 5 << 16, generation)
    payload = seal_body(key, bytes(range(NONCE_BYTES)), b"a body", aad)
    record = complete_header(aad, payload)
    header: Header = read_header(record)
    opened = payload[:NONCE_BYTES] + open_body(key, payload, aad)
    block = PutBlock(1, 1, encode_clear(OPENED, header), b"sig", opened)
    store.commit([some.feed(1, 2), block, PutKey(generation, 1, bytes(32), None)])
    assert store.blocks(1, 1, 2) == [(record, payload, b"sig")]
    assert len(opened) < len(payload) / 5


# ---------------------------------------------------------------- F3, B6


def fill(store: SqliteStore, commits: range) -> None:
    """Each commit is a tenth of a megabyte, to one of seven objects."""
    for n in commits:
        store.commit([some.an_object(n % 7 + 1, chr(ord("a") + n % 26) * 100_000)])


def test_f3_a_sync_copies_a_long_log_into_the_file_and_the_log_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    wal = path.with_name("space.db-wal")
    store = open_store(path)
    fill(store, range(60))
    longest = wal.stat().st_size
    assert path.stat().st_size < 100_000
    store.sync()
    assert path.stat().st_size > 7 * 100_000
    fill(store, range(60, 80))
    assert wal.stat().st_size < longest
    store.close(clean=True)
    assert not wal.exists()
    store.sync()


def test_f3_syncs_beside_the_writer_disturb_nobody(tmp_path: Path) -> None:
    store = open_store(tmp_path / "space.db")
    is_written = threading.Event()
    syncs: list[int] = []

    def keep_syncing() -> None:
        while not is_written.is_set():
            store.sync()
            syncs.append(1)

    syncing = threading.Thread(target=keep_syncing)
    syncing.start()
    while len(syncs) < 20 and syncing.is_alive():
        fill(store, range(20))
    is_written.set()
    syncing.join()
    assert len(syncs) >= 20
    fill(store, range(7))
    assert [store.state().object(n) for n in range(1, 8)] == [
        some.an_object(n, "abcdefg"[n - 1] * 100_000) for n in range(1, 8)
    ]
    store.close(clean=True)


def test_b6_sizes_name_what_uses_room(store: SqliteStore) -> None:
    before = dict(store.sizes())
    store.commit([some.an_object(n, '"' + "x" * 3_000 + '"') for n in range(1, 100)])
    after = store.sizes()
    assert after["objects"] - before["objects"] > 300_000
    assert after["history"] == before["history"]
    store.commit([PutBlock(1, n, b"clear", None, bytes(3_000)) for n in range(1, 100)])
    assert store.sizes()["history"] - after["history"] > 290_000
