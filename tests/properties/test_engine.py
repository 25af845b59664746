"""The engine: commit, receive, fail, remove; by direct calls, with real stores."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kithspace.adapters.disk.store import Session, SqliteStore
from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.effects import Changed
from kithspace.core.roles import Role
from kithspace.core.verify import VerifiedBlock
from kithspace.errors import Closed, DiskFull, NotAllowed
from kithspace.runtime.acts import Acts
from kithspace.runtime.names import Names
from kithspace.runtime.space_exchange import g4_parts
from kithspace.testing.faults import FaultyStore
from kithspace.testing.founding import found_space
from tests.engines import Side, sync, two_sides


def test_two_engines_that_wrote_apart_converge() -> None:
    ana, ben = two_sides()
    milk = ana.add(title="Milk")
    sync(ana, ben)
    ana.set(milk, title="Oat milk")
    ben.set(milk, title="Whole milk", done=True)
    bread = ben.add(title="Bread")
    sync(ana, ben)
    assert ana.everything() == ben.everything()
    assert ana.get(bread, "title") == "Bread"
    assert ana.get(milk, "done") is True


def test_b5_failed_commit_leaves_memory_as_the_disk_and_the_next_one_works() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    store = MemoryStore()
    ana = Side(founded, 0, FaultyStore(store, fail_at=4))
    milk = ana.add(title="Milk")
    feeds = list(ana.engine.replica.feeds)
    ana.set(milk, title="Oat milk")
    with pytest.raises(DiskFull):
        ana.set(milk, title="Soy milk")
    assert ana.get(milk, "title") == "Oat milk"
    assert list(ana.engine.replica.feeds) != feeds
    assert list(ana.engine.replica.feeds) == list(store.state().feeds())
    ana.set(milk, title="Rice milk")
    ben = Side(founded, 1)
    sync(ana, ben)
    assert ben.get(milk, "title") == "Rice milk"


def test_g4_threads_write_at_once_and_nothing_is_lost() -> None:
    ana, ben = two_sides()
    ids = [ana.add(title=f"{n}", count=0) for n in range(4)]
    seen: list[int] = []
    ana.engine.watch(lambda changes: seen.append(len(changes)))

    def write(place: int) -> None:
        for count in range(25):
            ana.set(ids[place], count=count + 1)

    threads = [Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [ana.get(id_, "count") for id_ in ids] == [25] * 4
    assert sum(seen) == 100
    sync(ana, ben)
    assert ana.everything() == ben.everything()


def test_g5_watchers_are_called_when_the_last_holder_lets_go() -> None:
    ana, _ = two_sides()
    seen: list[str] = []
    ana.engine.watch(lambda changes: seen.extend(change.type for change in changes))
    with ana.engine.lock:
        ana.add(title="Milk")
        with ana.engine.lock:
            ana.add(title="Eggs")
        assert seen == []
    assert seen == ["task", "task"]


def test_watcher_that_writes_and_one_that_fails_disturb_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ana, _ = two_sides()
    seen: list[object] = []

    def fail(_: object) -> None:
        raise ValueError("a listener's own trouble")

    def answer(changes: Sequence[Changed]) -> None:
        seen.append(changes[0].after.doc["title"] if changes[0].after else None)
        if len(seen) == 1:
            ana.add(title="answer")

    ana.engine.watch(fail)
    ana.engine.watch(answer)
    ana.add(title="question")
    assert seen == ["question", "answer"]
    assert "a listener's own trouble" in caplog.text


def test_reader_cannot_write_and_the_error_says_so() -> None:
    _, ben = two_sides(Role.READER)
    with pytest.raises(NotAllowed, match="You are a reader"):
        ben.add(title="Milk")


def test_k5_removal_makes_a_new_key_and_later_blocks_are_held() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, ben, cleo = (Side(founded, place) for place in range(3))
    milk = ben.add(title="Milk")
    sync(ana, ben, cleo)
    ben.set(milk, title="Written while being removed")
    Acts(ana.engine, names_of(ana)).remove(ben.engine.me.identity, None, "removed")
    after = ana.add(title="After")
    sync(ana, cleo)
    ben.engine.release()
    ana.pull(ben)
    assert [g.n for g in ana.engine.membership.generations] == [2, 1]
    assert ana.get(milk, "title") == "Milk"
    assert cleo.get(after, "title") == "After"
    assert len(list(ana.engine.state.held_feeds())) == 1
    ben.pull(ana)
    assert ben.get(after, "title") is None
    assert ben.get(milk, "title") == "Milk"
    with pytest.raises(NotAllowed, match="no member"):
        ben.add(title="More")


def test_m12_last_admin_can_neither_leave_nor_step_down() -> None:
    ana, _ = two_sides()
    acts = Acts(ana.engine, names_of(ana))
    with pytest.raises(NotAllowed, match="without an admin"):
        acts.leave()
    with pytest.raises(NotAllowed, match="without an admin"):
        acts.change_role(ana.engine.me.identity, Role.WRITER)


def test_leaving_keeps_the_copy_and_stops_writing() -> None:
    ana, ben = two_sides()
    milk = ben.add(title="Milk")
    sync(ana, ben)
    Acts(ben.engine, names_of(ben)).leave()
    ana.pull(ben)
    assert ben.get(milk, "title") == "Milk"
    assert ana.engine.membership.role(ben.engine.me.identity) is Role.NONE
    with pytest.raises(NotAllowed):
        ben.add(title="More")
    ana.add(title="Alone")
    assert len(ana.engine.membership.generations) == 2


def test_raise_and_lower_change_what_a_member_may_do() -> None:
    ana, ben = two_sides(Role.READER)
    acts = Acts(ana.engine, names_of(ana))
    acts.change_role(ben.engine.me.identity, Role.WRITER)
    sync(ana, ben)
    milk = ben.add(title="Milk")
    sync(ana, ben)
    acts.change_role(ben.engine.me.identity, Role.READER)
    sync(ana, ben)
    assert ana.get(milk, "title") == "Milk"
    with pytest.raises(NotAllowed):
        ben.set(milk, title="More")


def test_f2_restored_file_opens_a_new_feed_before_the_first_write(tmp_path: Path) -> None:
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    ben = Side(founded, 1)
    ana = Side(founded, 0, sqlite_store(tmp_path / "a.db", b"one boot"))
    milk = ana.add(title="Milk")
    ana.engine.release()
    copy = copy_files(tmp_path / "a.db", tmp_path / "b.db")
    ana.set(milk, title="Lost by the power cut")
    sync(ana, ben)
    ana.store.close(clean=False)
    again = Side(founded, 0, sqlite_store(copy, b"next boot"), is_new=False)
    first = again.engine.replica.own_feed
    again.set(milk, done=True)
    assert again.engine.replica.own_feed != first
    sync(again, ben)
    assert again.everything() == ben.everything()
    assert again.get(milk, "title") == "Lost by the power cut"
    again.store.close(clean=True)


def test_f2_file_closed_cleanly_goes_on_with_its_feed(tmp_path: Path) -> None:
    founded = found_space((Role.ADMIN,), (1,))
    ana = Side(founded, 0, sqlite_store(tmp_path / "a.db", b"one boot"))
    milk = ana.add(title="Milk")
    feed = ana.engine.replica.own_feed
    ana.engine.close(Closed("closed"))
    again = Side(founded, 0, sqlite_store(tmp_path / "a.db", b"next boot"), is_new=False)
    again.set(milk, title="Oat milk")
    assert again.engine.replica.own_feed == feed
    again.engine.close(Closed("closed"))


def test_closed_engine_says_so() -> None:
    ana, _ = two_sides()
    milk = ana.add(title="Milk")
    ana.engine.close(Closed.of("Ana", "shop.py, line 3"))
    with pytest.raises(Closed, match=r"shop\.py"):
        ana.add(title="More")
    with pytest.raises(Closed):
        ana.engine.document(milk)


def test_f5_nothing_is_announced_before_its_head_is_signed() -> None:
    ana, ben = two_sides()
    news: list[int] = []
    ana.engine.listen(lambda one: news.extend(leaf.length for leaf in one.feeds))
    milk = ana.add(title="Milk")
    ben.pull(ana)
    assert news == []
    assert ben.get(milk, "title") is None
    due = ana.engine.next_due()
    assert due is not None
    ana.clock.ms = due
    ana.engine.work()
    assert news == [2]
    ben.pull(ana)
    assert ben.get(milk, "title") == "Milk"


def test_f3_disk_is_synced_within_half_a_second_after_a_write() -> None:
    ana, _ = two_sides()
    assert ana.engine.next_sync() is None
    ana.add(title="Milk")
    assert ana.engine.next_sync() == ana.clock.ms + 500
    ana.engine.sync()
    assert ana.engine.next_sync() is None


def names_of(side: Side) -> Names:
    return Names(side.engine, "Groceries", lambda _: "")


def sqlite_store(path: Path, boot: bytes) -> SqliteStore:
    return SqliteStore(path, bytes(32), vault="Ana", session=Session(b"instance", boot))


def copy_files(source: Path, target: Path) -> Path:
    for suffix in ("", "-wal"):
        found = source.with_name(source.name + suffix)
        if found.exists():
            shutil.copy(found, target.with_name(target.name + suffix))
    return target


def test_k5_idle_admin_makes_the_key_that_a_leaving_asks_for() -> None:
    ana, ben = two_sides()
    ben.add(title="Milk")
    sync(ana, ben)
    Acts(ben.engine, names_of(ben)).leave()
    ana.pull(ben)
    due = ana.engine.next_due()
    assert due is not None
    assert due <= ana.clock.ms + 300
    ana.clock.ms = due
    ana.engine.work()
    assert [g.n for g in ana.engine.membership.generations] == [2, 1]


def test_f4_copy_that_runs_beside_goes_on_in_a_new_feed_and_nothing_is_lost() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    one, copy, ben = Side(founded, 0), Side(founded, 0), Side(founded, 1)
    milk = one.add(title="Milk")
    sync(one, ben)
    feed = one.engine.replica.own_feed
    copy.pull(ben)
    copy.set(milk, title="Oat milk")
    assert copy.engine.replica.own_feed != feed
    one.set(milk, done=True)
    sync(one, copy, ben)
    assert one.everything() == copy.everything() == ben.everything()
    assert (ben.get(milk, "title"), ben.get(milk, "done")) == ("Oat milk", True)


@given(st.lists(st.sampled_from("abr"), min_size=1, max_size=40), st.integers(1, 70))
@settings(max_examples=40, deadline=None)
def test_g4_a_long_message_is_taken_in_by_parts_with_the_same_result(
    steps: list[str], repeat: int
) -> None:
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, ben, cleo = (Side(founded, place) for place in range(3))
    milk = ana.add(title="Milk")
    sync(ana, ben)
    for step in (steps * repeat)[:150]:
        if step == "r":
            sync(ana, ben)
        else:
            side = ana if step == "a" else ben
            side.set(milk, title=f"{step}{side.engine.replica.clock}")
    sync(ana, ben)
    message = [
        block
        for leaf in ana.exchange.feed_leaves()
        for block in ana.exchange.blocks(leaf.feed, 0, leaf.length)
    ]
    intake = cleo.exchange.receive_blocks(message, ana.device)
    assert (intake.send, intake.refused) == ((), ())
    assert cleo.everything() == ana.everything()


def test_g4_parts_end_at_signed_blocks() -> None:
    ana, ben = two_sides()
    milk = ana.add(title="Milk")
    for count in range(200):
        ana.set(milk, count=count)
        if count % 50 == 49:
            ana.engine.release()
    (leaf,) = ana.exchange.feed_leaves()
    message = ana.exchange.blocks(leaf.feed, 0, leaf.length)
    verified = ben.engine.replica.verify(message, ben.engine.state, ben.clock.ms)
    parts = g4_parts(verified.blocks)
    assert [len(part) for part in parts] == [102, 100]
    assert all(isinstance(part[-1], VerifiedBlock) and part[-1].sig for part in parts)
