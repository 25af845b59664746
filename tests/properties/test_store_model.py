"""SQLite stores what the dictionaries of the memory store say, whatever rows come."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from kithspace.adapters.disk import Session, SqliteStore
from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.effects import (
    DropBlock,
    DropHeld,
    DropItem,
    DropObject,
    DropTexts,
    MoveBlocks,
    PutAbout,
    PutKey,
    PutText,
    PutTouched,
    PutType,
    Row,
)
from kithspace.testing import store_rows as some

numbers = st.integers(1, some.SMALL - 1)
texts = st.sampled_from(["{}", '{"title":"Milk"}', '{"title":"🥛","n":1}'])
small_bytes = st.binary(max_size=3)
paths = st.sampled_from([(b"\x61a\x61b", b"\x61a"), (b"\x61a\x61c", b"\x61a"), (b"\x61a", b"")])
text_paths = st.sampled_from([b"\x65notes", b"\x61a"])
generation = some.id_of("generation", 1, 16)

rows = st.one_of(
    st.builds(some.feed, numbers, numbers, st.none() | numbers),
    st.builds(some.block, numbers, numbers, sig=st.none() | small_bytes),
    st.builds(some.an_object, numbers, texts, kind=numbers, live=st.integers(0, 1)),
    st.builds(
        lambda n, path, value: some.item(n, path[0], path[1], value), numbers, paths, small_bytes
    ),
    st.builds(lambda n, path: DropItem(n, path[0]), numbers, paths),
    st.builds(PutText, numbers, text_paths, st.integers(0, 3), small_bytes),
    st.builds(DropTexts, numbers, text_paths),
    st.builds(DropObject, numbers),
    st.builds(lambda n, m, seq: PutTouched(n, m << 32 | seq), numbers, numbers, numbers),
    st.builds(some.held, numbers, numbers, st.integers(0, 1)),
    st.builds(lambda n, seq: DropHeld(*some.held(n, seq)[:3]), numbers, numbers),
    st.builds(some.credential, numbers, numbers),
    st.builds(PutKey, st.just(generation), numbers, st.none() | small_bytes, st.none()),
    st.builds(lambda n: PutType(n, f"type {n}", 1, "{}", ""), numbers),
    st.builds(PutAbout, st.just("floor"), small_bytes),
    st.builds(DropBlock, numbers, numbers),
    st.builds(lambda n, seq: MoveBlocks(n, some.SMALL, seq), numbers, numbers),
)
commits = st.lists(st.lists(rows, max_size=12), max_size=8)


def run(store: SqliteStore, model: MemoryStore, commits: Sequence[Sequence[Row]]) -> None:
    for commit in commits:
        store.commit(commit)
        model.commit(commit)
        assert some.look_at(store.state()) == some.look_at(model.state())


@given(commits)
def test_sqlite_and_memory_hold_the_same_after_every_commit(commits: list[list[Row]]) -> None:
    model = MemoryStore()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "space.db"
        session = Session(b"instance", b"boot")
        store = SqliteStore(path, bytes(32), vault="Ana", session=session)
        try:
            run(store, model, commits)
        finally:
            store.close(clean=True)
        again = SqliteStore(path, bytes(32), vault="Ana", session=session)
        assert some.look_at(again.state()) == some.look_at(model.state())
        again.close(clean=True)
