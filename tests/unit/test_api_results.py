"""Results: asking, ordering, slicing, following."""

# ruff: noqa: RUF012 - a mutable default is copied for each object

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import kithspace as ks
from kithspace.runtime.pending import Deferred
from tests.api_world import one_space, two_people


class Owner(ks.Object):
    name: str


class Chore(ks.Object):
    title: str
    done: bool = False
    priority: int = ks.field(default=1, index=True)
    tags: list[str] = []
    owner: Owner | None = None
    hours: float | None = None


@pytest.fixture
def space() -> Iterator[ks.Space]:
    with one_space() as found:
        ana = found.add(Owner("Ana"))
        found.add_all(
            [
                Chore("Milk", priority=2, owner=ana, hours=1.5),
                Chore("Eggs", done=True, tags=["x"]),
                Chore("bread", priority=3, hours=2.0),
            ]
        )
        yield found


def titles(results: ks.Results[Chore]) -> list[str]:
    return [one.title for one in results]


# ---------------------------------------------------------------- asking


def test_results_are_a_sequence(space: ks.Space) -> None:
    chores = space.all(Chore)
    milk, eggs, bread = chores
    assert (len(chores), chores[0], chores[-1], chores[1:]) == (3, milk, bread, [eggs, bread])
    assert (chores.first(), milk in chores, object() in chores, bool(chores)) == (
        milk,
        True,
        False,
        True,
    )
    assert (eggs in space.all(Chore, done=False), milk in space.all(Chore, done=False)) == (
        False,
        True,
    )
    with pytest.raises(IndexError):
        _ = chores[3]
    assert repr(space.all(Chore, done=True)) == "[Chore('Eggs', done=True, tags=['x'])]"


def test_order_limit_and_offset(space: ks.Space) -> None:
    chores = space.all(Chore)
    assert titles(chores.order_by("-priority")) == ["bread", "Milk", "Eggs"]
    assert titles(chores.order_by("title")) == ["Eggs", "Milk", "bread"]
    assert titles(chores.order_by("title:nocase")) == ["bread", "Eggs", "Milk"]
    assert titles(chores.order_by("hours")) == ["Eggs", "Milk", "bread"]
    assert titles(chores.order_by("title").limit(1, offset=1)) == ["Milk"]
    assert len(chores.limit(2)) == len(chores.limit(5, offset=1)) == 2
    assert titles(chores.limit(2)[1:]) == ["Eggs"]  # type: ignore[arg-type]
    with pytest.raises(ks.BadQuery, match="order comes before the limit"):
        chores.limit(1).order_by("title")
    with pytest.raises(ks.BadQuery, match=r"Chore\.tags has no order"):
        chores.order_by("tags")
    with pytest.raises(ks.UnknownField, match="Did you mean “title”"):
        chores.order_by("titel")


def test_conditions_by_keyword_and_by_json(space: ks.Space) -> None:
    ana = space.all(Owner).one()
    for keywords, where, wanted in [
        ({"priority__ge": 2}, {"priority": {"ge": 2}}, ["Milk", "bread"]),
        ({"owner__name": "Ana"}, {"owner.name": "Ana"}, ["Milk"]),
        ({"owner": ana}, {"owner": {"$ref": ana.id}}, ["Milk"]),
        ({"owner": ks.ref(ana)}, {"owner": ana}, ["Milk"]),
        ({"owner": None}, {"owner": None}, ["Eggs", "bread"]),
        ({"tags__contains": "x"}, {"tags": {"contains": "x"}}, ["Eggs"]),
        ({"tags__has": False}, {"tags": {"has": False}}, ["Milk", "bread"]),
        ({"hours__has": True, "done": False}, {"hours": {"gt": 0}}, ["Milk", "bread"]),
        ({"title__in": ["Milk", "x"]}, {"title": {"in": ["Milk"]}}, ["Milk"]),
        ({"title__endswith": "s"}, {"title": {"ne": "Milk", "endswith": "s"}}, ["Eggs"]),
    ]:
        asked: list[dict[str, Any]] = [keywords, where]  # type: ignore[list-item]
        assert titles(space.all(Chore, **asked[0])) == titles(space.all(Chore, asked[1])) == wanted


def test_what_is_no_condition_is_refused(space: ks.Space) -> None:
    wrong: Any = 3
    with pytest.raises(ks.BadQuery, match="3 is no condition"):
        space.all(Chore, wrong)


def test_one_says_if_there_are_none_or_several(space: ks.Space) -> None:
    assert space.all(Chore, done=True).one().title == "Eggs"
    with pytest.raises(ks.NotFound, match="There are no chores that fit"):
        space.all(Chore, priority=9).one()
    with pytest.raises(ks.Ambiguous, match="There are 3 chores where one was asked for"):
        space.all(Chore).one()


def test_sums(space: ks.Space) -> None:
    chores = space.all(Chore)
    assert (chores.sum("priority"), chores.min("hours"), chores.max("title")) == (6, 1.5, "bread")
    assert (chores.mean("hours"), space.all(Chore, priority=9).mean("hours")) == (1.75, None)


def test_explain_names_the_index(space: ks.Space) -> None:
    assert space.all(Chore, priority__ge=2, done=False).explain() == (
        "Index chore.priority, then checks done; 2 of 3 found."
    )
    assert space.all(Chore, done=True).explain() == (
        "Reads the chores in order, then checks done; 1 of 3 found."
    )


def test_iterating_walks_what_was_there_at_the_start(space: ks.Space) -> None:
    walked = []
    for chore in space.all(Chore, done=False):
        walked.append(chore.title)
        chore.done = True
        space.add(Chore("new"))
    assert walked == ["Milk", "bread"]


def test_what_is_large_lies_apart_and_is_still_found(space: ks.Space) -> None:
    big = space.add(Chore("big", tags=[f"t{n}" for n in range(300)]))
    assert [space.all(Chore, tags__contains=f"t{n}").first() for n in (0, 299)] == [big, big]
    assert space.all(Chore, tags__contains="t300").first() is None
    assert len(space.all(Chore, tags__has=True)) == 2


# ---------------------------------------------------------------- following


class Notes:
    """Takes down changes, and waits for so many."""

    def __init__(self) -> None:
        self.changes: list[ks.Change[Any]] = []
        self.threads: list[str] = []
        self._came = threading.Condition()

    def __call__(self, change: ks.Change[Any]) -> None:
        with self._came:
            self.changes.append(change)
            self.threads.append(threading.current_thread().name)
            self._came.notify_all()

    def wait(self, count: int) -> ks.Change[Any]:
        with self._came:
            assert self._came.wait_for(lambda: len(self.changes) >= count, timeout=20)
            return self.changes[-1]


def test_a_watch_tells_the_content_then_every_change(space: ks.Space) -> None:
    notes = Notes()
    todo = space.all(Chore, done=False).order_by("-priority")
    with todo.watch(notes):
        first = notes.wait(1)
        assert (first.first, titles(first.added), first.results) == (True, ["bread", "Milk"], todo)  # type: ignore[arg-type]
        milk = first.added[1]
        milk.priority = 5
        assert [notes.wait(2).updated, notes.changes[-1].who] == [[milk], ["Ana"]]
        milk.done = True
        assert notes.wait(3).removed == [milk]
        space.delete(first.added[0])
        assert notes.wait(4).removed == [first.added[0]]
        new = space.add(Chore("new"))
        assert notes.wait(5).added == [new]
        assert repr(notes.changes[-1]) == "added: Chore('new') · by Ana"
    new.priority = 3
    assert len(notes.changes) == 5
    assert set(notes.threads) == {"kithspace-callbacks"}


def test_a_slow_watcher_gets_changes_merged(space: ks.Space) -> None:
    notes, gate = Notes(), threading.Event()

    def slow(change: ks.Change[Chore]) -> None:
        notes(change)
        gate.wait(20)

    with space.all(Chore).watch(slow, now=False):
        one = space.add(Chore("one"))
        notes.wait(1)
        gone = space.add(Chore("gone"))
        for n in range(10):
            one.priority = n
        space.delete(gone)
        gate.set()
        merged = notes.wait(2)
    assert (merged.added, merged.updated, merged.removed) == ([], [one], [])


def test_an_error_in_a_callback_is_logged_and_the_watch_goes_on(
    space: ks.Space, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()

    def fail(change: ks.Change[Chore]) -> None:
        notes(change)
        raise ZeroDivisionError

    with space.all(Chore).watch(fail), caplog.at_level(logging.ERROR):
        notes.wait(1)
        space.add(Chore("new"))
        notes.wait(2)
    assert "ZeroDivisionError" in caplog.text


def test_via_says_where_callbacks_run(space: ks.Space) -> None:
    queue: list[Any] = []
    notes = Notes()
    with space.all(Chore).watch(notes, via=queue.append):
        space.add(Chore("new"))
        assert notes.changes == []
        queue.pop()()
    (change,) = notes.changes
    assert (len(change.added), change.first, queue) == (4, True, [])


def test_one_object_is_watched(space: ks.Space) -> None:
    notes, milk = Notes(), space.all(Chore)[0]
    with ks.watch(milk, notes):
        milk.title = "Oat milk"
        assert notes.wait(1).updated == [milk]
        space.delete(milk)
        assert notes.wait(2).removed == [milk]
    with pytest.raises(ks.NotFound):
        ks.watch(Chore("plain"), print)


def test_on_a_running_loop_callbacks_run_there(space: ks.Space) -> None:
    threads: list[str] = []

    async def main() -> None:
        told = asyncio.Event()

        def note(_: ks.Change[Chore]) -> None:
            threads.append(threading.current_thread().name)
            told.set()

        with space.all(Chore).watch(note):
            assert threads == []
            await asyncio.wait_for(told.wait(), 20)

    asyncio.run(main())
    assert threads == [threading.current_thread().name]


def test_async_for_gives_the_content_then_changes_and_ends_with_the_vault() -> None:
    async def main() -> list[list[str]]:
        told = []
        with one_space() as space:
            milk = space.add(Chore("Milk"))
            async for change in space.all(Chore):
                told.append([one.title for one in [*change.added, *change.updated]])
                if len(told) == 1:
                    milk.title = "Oat milk"
                else:
                    break
            stream = aiter(space.all(Chore))
            await anext(stream)
        told.extend([["late"] async for _ in stream])
        return told

    assert asyncio.run(main()) == [["Milk"], ["Oat milk"]]


def test_a_change_of_others_is_told_with_their_name() -> None:
    with two_people() as pair:
        notes = Notes()
        with pair.mine.all(Chore).watch(notes, now=False):
            pair.theirs.add(Chore("theirs"))
            pair.sync()
            change = notes.wait(1)
        assert ([one.title for one in change.added], change.who) == (["theirs"], ["Ben"])


def test_members_and_spaces_are_results_too() -> None:
    with two_people() as pair:
        members = pair.mine.members
        assert [one.name for one in members.order_by("-name")] == ["Ben", "Ana"]
        assert (len(members), members[0].name, pair.mine in pair.ana.vault.spaces) == (
            2,
            "Ana",
            True,
        )
        assert [one.name for one in pair.ana.vault.contacts] == ["Ben"]
        assert [one.is_this_one for one in pair.ana.vault.devices] == [True]


# ---------------------------------------------------------------- waiting


def test_waiting_blocks_or_awaits_and_says_what_for() -> None:
    operation: Deferred[int] = Deferred("Waiting for Ana's laptop to answer.")
    pending: ks.Pending[int] = ks.Pending(operation, lambda n: int(n) + 1)
    assert (pending.done, pending.words) == (False, "Waiting for Ana's laptop to answer.")
    with pytest.raises(ks.TimedOut) as caught:
        pending.result(0.01)
    assert str(caught.value) == (
        "Still waiting after 0.01 s: Waiting for Ana's laptop to answer. It goes on in the"
        " background; call .result() again or .cancel()."
    )

    async def main() -> int:
        asyncio.get_running_loop().call_soon(operation.succeed, 1)
        return await pending

    assert asyncio.run(main()) == pending.result() == 2


def test_waiting_long_on_an_event_loop_is_warned_of() -> None:
    operation: Deferred[int] = Deferred("Waiting for Ana's laptop to answer.")
    pending: ks.Pending[int] = ks.Pending(operation, int)

    def wait() -> Exception | None:
        try:
            pending.result(1.01)
        except ks.TimedOut as error:
            return error
        return None

    async def main() -> None:
        with pytest.warns(ks.BlockingWarning, match="kept waiting"):
            assert isinstance(wait(), ks.TimedOut)

    asyncio.run(main())
    with pytest.raises(ks.TimedOut):
        pending.result(0.01)


def test_giving_up() -> None:
    pending: ks.Pending[int] = ks.Pending(Deferred("Waiting."), int)
    pending.cancel()
    with pytest.raises(ks.Cancelled):
        pending.result()
