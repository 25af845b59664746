"""Objects: identity, lifetime, defaults, transactions, and who may do what when."""

# ruff: noqa: RUF012 - a mutable default is copied for each object

import asyncio
import copy
import gc
import os
import pickle
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

import kithspace as ks
from tests.api_world import Pair, one_space, two_people


class Owner(ks.Object):
    name: str


class Job(ks.Object):
    title: str
    done: bool = False
    priority: int = ks.field(default=1, index=True)
    tags: set[str] = {"new"}
    steps: list[str] = []
    owner: Owner | None = None
    votes: ks.Counter = ks.Counter()
    notes: ks.Text = ks.Text()


class Loan(ks.Object):
    lender: Owner
    late: str = ks.field(default="", was="overdue")


@pytest.fixture
def space() -> Iterator[ks.Space]:
    with one_space() as found:
        yield found


@pytest.fixture
def pair() -> Iterator[Pair]:
    with two_people() as found:
        yield found


# ---------------------------------------------------------------- identity and lifetime


def test_one_id_is_one_python_object(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    assert space.get(Job, job.id) is job
    assert space.all(Job).one() is job
    assert job == job
    assert job != copy.copy(job)
    assert len({job, space.get(Job, job.id)}) == 1


def test_an_object_not_added_yet_is_a_plain_one(space: ks.Space) -> None:
    job = Job("Milk", priority=2)
    job.tags.add("x")
    job.notes += "2 litres"
    job.votes += 1
    assert (job.space, job.id) == (None, "")
    assert (job.conflicts, job.meta.created) == ([], None)
    assert space.add(job) is job
    assert (job.space, job.tags, str(job.notes), job.votes) == (space, {"new", "x"}, "2 litres", 1)


def test_a_mutable_default_is_copied_for_each_object() -> None:
    one, other = Job("a"), Job("b")
    one.tags.add("x")
    one.notes.insert(0, "y")
    assert (other.tags, str(other.notes), str(Job("c").notes)) == ({"new"}, "", "")


def test_a_copy_is_a_plain_new_object(space: ks.Space) -> None:
    job = space.add(Job("Milk", tags={"x"}, steps=["a"], notes=ks.Text("n")))
    other = copy.copy(job)
    assert (other.space, other.title, other.tags, other.steps) == (None, "Milk", {"x"}, ["a"])
    assert [type(other.tags), type(other.steps)] == [set, list]
    space.add(other)
    other.steps.append("b")
    other.notes += "!"
    assert (job.steps, str(job.notes), str(other.notes)) == (["a"], "n", "n!")


def test_pickling_names_what_to_use_instead(space: ks.Space) -> None:
    with pytest.raises(TypeError, match=r"ks\.to_dict"):
        pickle.dumps(space.add(Job("Milk")))


def test_to_dict_is_a_plain_deep_copy(space: ks.Space) -> None:
    ana = space.add(Owner("Ana"))
    job = space.add(Job("Milk", owner=ana, steps=["a"]))
    plain = ks.to_dict(job)
    plain["steps"].append("b")
    assert job.steps == ["a"]
    assert plain == {
        "title": "Milk",
        "done": False,
        "priority": 1,
        "tags": {"new"},
        "steps": ["a", "b"],
        "owner": ana.id,
        "votes": 0,
        "notes": "",
    }
    assert [type(plain[k]) for k in ("tags", "steps", "votes", "notes")] == [set, list, int, str]


def test_objects_are_forgotten_when_nobody_holds_them(space: ks.Space) -> None:
    space.add_all([Job(str(n)) for n in range(50)])
    gc.collect()
    assert not list(space._session._all_objects())


def test_a_property_of_ones_own_may_be_set(space: ks.Space) -> None:
    class Priced(ks.Object):
        cents: int = 0

        @property
        def price(self) -> float:
            return self.cents / 100

        @price.setter
        def price(self, value: float) -> None:
            self.cents = round(value * 100)

    priced = space.add(Priced())
    priced.price = 1.5
    assert (priced.cents, priced.price) == (150, 1.5)


def test_ids_and_spaces_cannot_be_set(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    with pytest.raises(AttributeError, match="can be read, not set"):
        job.id = "x"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot be deleted"):
        del job.title


# ---------------------------------------------------------------- deletion


def test_a_deleted_object_shows_its_last_values_and_comes_back(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    space.delete(job)
    assert (job.title, job.meta.deleted is not None, len(space.all(Job))) == ("Milk", True, 0)
    with pytest.raises(ks.Deleted, match="“Milk” was deleted by you on"):
        job.title = "Eggs"
    with pytest.raises(ks.Deleted):
        job.steps.append("x")
    space.undelete(job)
    job.title = "Eggs"
    assert (job.meta.deleted, space.all(Job).one()) == (None, job)


def test_a_reference_to_what_is_gone_is_none_and_comes_back(space: ks.Space) -> None:
    ana = space.add(Owner("Ana"))
    job, loan = space.add(Job("Milk", owner=ana)), space.add(Loan(ana))
    link = ks.ref(ana)
    space.delete(ana)
    assert (job.owner, link.get(), link.id) == (None, None, ana.id)
    with pytest.raises(ks.Deleted, match="Ana"):
        _ = loan.lender
    assert len(space.all(Job, owner__name="Ana")) == 0
    space.undelete(ana)
    assert (job.owner, loan.lender, link.get()) == (ana, ana, ana)


def test_after_closing_everything_raises_closed() -> None:
    with one_space() as space:
        job = space.add(Job("Milk"))
        read = job.title, job.steps
    assert read == ("Milk", [])
    for attempt in (
        lambda: job.title,
        lambda: setattr(job, "title", "x"),
        lambda: space.all(Job),
        lambda: space.add(Job("x")),
        lambda: job.steps.append("x"),
        lambda: space.status,
    ):
        with pytest.raises(ks.Closed, match=r"The vault “Ana” was closed at .*, line \d+"):
            attempt()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_is_told(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    assert job.title == "Milk"
    child = os.fork()
    if not child:
        code = 1
        try:
            _ = job.title
        except ks.Forked:
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert job.title == "Milk"


# ---------------------------------------------------------------- transactions


def test_a_transaction_reads_its_own_writes(space: ks.Space) -> None:
    with space.transaction("first"):
        job = space.add(Job("Milk"))
        job.priority = 5
        job.tags.add("x")
        job.votes += 2
        job.votes += 1
        job.notes += "n"
        found = space.all(Job, priority__ge=5)
        assert (found.one(), len(found), job in found) == (job, 1, True)
        assert (job.priority, job.votes, str(job.notes)) == (5, 3, "n")
    assert (job.priority, job.tags, job.votes, str(job.notes)) == (5, {"new", "x"}, 3, "n")


def test_a_transaction_is_one_block(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    engine = space._backend.engine  # type: ignore[attr-defined]
    before = engine.changed
    with space.transaction():
        job.done = True
        job.steps += ["a", "b"]
        space.add(Job("Eggs"))
        with space.transaction():
            job.title = "Oat milk"
    assert engine.changed == before + 1


def test_an_exception_takes_everything_back(space: ks.Space) -> None:
    job = space.add(Job("Milk", steps=["a"], notes=ks.Text("n"), votes=ks.Counter(1)))
    steps, notes = job.steps, job.notes
    fresh = Job("Eggs", notes=ks.Text("e"))
    with pytest.raises(ZeroDivisionError), space.transaction():  # noqa: PT012 - all of it
        job.title = "Oat milk"
        steps.append("b")
        notes.insert(0, "x")
        job.votes += 1
        space.add(fresh)
        fresh.title = "Bread"
        fresh.notes += "!"
        space.delete(job)
        _ = 1 / 0
    assert (job.title, steps, job.steps, str(notes), job.votes) == ("Milk", ["a"], ["a"], "n", 1)
    assert (job.meta.deleted, fresh.space, fresh.title, str(fresh.notes)) == (
        None,
        None,
        "Eggs",
        "e",
    )
    assert space.all(Job).one() is job
    space.add(fresh)
    fresh.notes += "?"
    assert str(fresh.notes) == "e?"


def test_a_counter_that_is_set_and_raised_in_one_transaction(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    job.votes += 4
    with space.transaction():
        job.votes += 1
        job.votes = ks.Counter(10)
        job.votes += 2
    assert job.votes == 12
    job.votes += 1
    assert job.votes == 13


def test_another_task_does_not_write_into_an_open_transaction(space: ks.Space) -> None:
    job = space.add(Job("Milk"))

    async def meddle() -> None:
        with pytest.raises(ks.TransactionOpen, match="Do not await inside"):
            job.title = "x"

    async def main() -> None:
        with space.transaction():
            job.done = True
            await asyncio.create_task(meddle())

    asyncio.run(main())
    assert (job.done, job.title) == (True, "Milk")


def test_another_thread_waits_for_the_transaction(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    started, seen = threading.Event(), []

    def write() -> None:
        started.set()
        job.title = "theirs"
        seen.append(job.done)

    with space.transaction():
        thread = threading.Thread(target=write)
        thread.start()
        started.wait()
        job.title = "mine"
        job.done = True
        assert job.title == "mine"
    thread.join()
    assert (job.title, seen) == ("theirs", [True])


def test_threads_may_use_one_object(space: ks.Space) -> None:
    job = space.add(Job("Milk"))
    troubles: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for n in range(25):
                with space.transaction():
                    job.votes += 1
                    job.steps.append(f"{name}{n}")
                job.title = name
                assert job.title in ("a", "b", "c")
                assert len(space.all(Job)) == 1
        except BaseException as error:  # noqa: BLE001 - a thread's trouble is told below
            troubles.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (troubles, job.votes, len(job.steps)) == ([], 75, 75)
    assert [step for step in job.steps if step[0] == "a"] == [f"a{n}" for n in range(25)]


def test_nothing_of_others_moves_within_a_transaction(pair: Pair) -> None:
    mine = pair.mine.add(Job("Milk"))
    pair.sync()
    theirs = pair.theirs.all(Job).one()
    theirs.title = "Whole milk"
    with pair.mine.transaction():
        thread = threading.Thread(target=pair.sync)
        thread.start()
        mine.done = True
        assert (mine.title, pair.mine.all(Job).one().title) == ("Milk", "Milk")
    thread.join()
    pair.sync()
    assert (mine.title, mine.done, theirs.done) == ("Whole milk", True, True)


def test_add_all_commits_in_steps(space: ks.Space) -> None:
    engine = space._backend.engine  # type: ignore[attr-defined]
    before = engine.changed
    jobs = space.add_all(Job(f"{n:04}") for n in range(2_500))
    assert engine.changed == before + 3
    assert [job.title for job in space.all(Job)] == [job.title for job in jobs]


# ---------------------------------------------------------------- others


def test_a_conflict_shows_who_and_when_and_is_settled_by_keep(pair: Pair) -> None:
    mine = pair.mine.add(Job("Milk"))
    pair.sync()
    theirs = pair.theirs.all(Job).one()
    mine.title = "Oat milk"
    theirs.title = "Whole milk"
    pair.sync()
    assert mine.title == theirs.title
    (conflict,) = mine.conflicts
    (other,) = conflict.others
    assert {conflict.field} == {"title"}
    assert {(conflict.value, conflict.who), (other.value, other.who)} == {
        ("Oat milk", "Ana"),
        ("Whole milk", "Ben"),
    }
    assert isinstance(other.when, datetime)
    assert conflict.when >= other.when
    conflict.keep("Oat milk")
    pair.sync()
    assert (mine.title, theirs.title, mine.conflicts, theirs.conflicts) == (
        "Oat milk",
        "Oat milk",
        [],
        [],
    )


def test_a_reader_is_told_who_can_help(pair: Pair) -> None:
    mine = pair.mine.add(Job("Milk"))
    pair.mine.member("Ben").change_role("reader")
    pair.sync()
    theirs = pair.theirs.all(Job).one()
    with pytest.raises(ks.NotAllowed, match="You are a reader in “Groceries”, so you cannot"):
        theirs.title = "x"
    with pytest.raises(ks.NotAllowed, match="Ana can change your role"):
        pair.theirs.add(Job("Eggs"))
    assert (theirs.title, mine.title, len(pair.theirs.all(Job))) == ("Milk", "Milk", 1)


def test_members_have_names_and_roles(pair: Pair) -> None:
    assert [(one.name, one.role, one.is_me) for one in pair.mine.members] == [
        ("Ana", "admin", True),
        ("Ben", "writer", False),
    ]
    outcome = pair.mine.member("Ben").remove()
    assert "receives nothing new" in outcome.will
    assert "nobody can take that back" in outcome.will_not
    assert [one.name for one in pair.mine.members] == ["Ana"]


def test_live_collections_follow_others(pair: Pair) -> None:
    mine = pair.mine.add(Job("Milk", steps=["a"]))
    pair.sync()
    theirs = pair.theirs.all(Job).one()
    steps, tags = mine.steps, mine.tags
    theirs.steps.append("b")
    theirs.tags.add("x")
    pair.sync()
    assert (steps, tags) == (["a", "b"], {"new", "x"})
    assert mine.steps is steps


def test_meta_says_who_made_and_changed_it(pair: Pair) -> None:
    mine = pair.mine.add(Job("Milk"))
    pair.sync()
    theirs = pair.theirs.all(Job).one()
    theirs.done = True
    pair.sync()
    assert mine.meta.created is not None
    assert mine.meta.changed is not None
    assert mine.meta.changed > mine.meta.created
    assert (mine.meta.by, mine.meta.app, mine.meta.type) == ("Ben", "test", "job")


# ---------------------------------------------------------------- tolerance


def test_what_cannot_be_read_as_declared_shows_the_default(
    space: ks.Space, caplog: pytest.LogCaptureFixture
) -> None:
    class Loose(ks.Object, type="thing", version=1):
        size: str = ""

    class Strict(ks.Object, type="thing", version=2):
        size: int = 7
        more: list[int] = []

    loose = space.add(Loose("large"))
    strict = space.get(Strict, loose.id)
    assert (strict.size, strict.more) == (7, [])
    assert ks.to_dict(strict) == {"size": 7, "more": []}
    assert "Strict.size" in caplog.text
    strict.size = 3
    assert (strict.size, loose.size) == (3, "")


def test_fields_of_others_are_kept_and_shown_on_request(space: ks.Space) -> None:
    class Wide(ks.Object, type="thing"):
        a: int = 0
        b: str = ""

    class Narrow(ks.Object, type="thing"):
        a: int = 0

    wide = space.add(Wide(1, "x"))
    narrow = space.get(Narrow, wide.id)
    narrow.a = 2
    assert ks.to_dict(narrow) == {"a": 2}
    assert ks.to_dict(narrow, unknown=True) == {"a": 2, "b": "x"}
    assert (wide.a, wide.b) == (2, "x")


def test_a_former_name_is_read(space: ks.Space) -> None:
    class Old(ks.Object, type="thing", version=1):
        points: int = 0

    class New(ks.Object, type="thing", version=2):
        effort: int = ks.field(default=0, was="points", index=True)

    old = space.add(Old(5))
    new = space.get(New, old.id)
    assert (new.effort, space.all(New, effort=5).one()) == (5, new)
    new.effort = 6
    assert (new.effort, len(space.all(New, effort=5))) == (6, 0)


def test_the_same_version_with_another_type_is_refused(space: ks.Space) -> None:
    class One(ks.Object, type="thing"):
        a: int = 0

    class Two(ks.Object, type="thing"):
        a: str = ""
        b: int = 0

    space.add(One(1))
    with pytest.raises(ks.BadSchema, match="Two version 1 differs from the version 1 stored in"):
        space.add(Two("x"))


def test_a_type_without_a_class_is_readable_and_writable(space: ks.Space) -> None:
    space.add(Job("Milk", priority=2, steps=["a"], notes=ks.Text("n")))
    found: Any = space.all("job", priority=2).one()
    found.steps.append("b")
    found.votes += 1
    found.notes += "!"
    assert ks.to_dict(found)["title"] == "Milk"
    again = space.all(Job).one()
    assert (again.steps, again.votes, str(again.notes)) == (["a", "b"], 1, "n!")
    assert list(space.types) == ["job"]
    made = space.add(space.type_for("pet", ["name"])(name="Rex"))
    assert ks.to_dict(space.all("pet").one()) == {"name": "Rex"} == ks.to_dict(made)


def test_an_object_is_found_by_the_start_of_its_id_or_its_title(space: ks.Space) -> None:
    milk, eggs = space.add_all([Job("Milk"), Job("Eggs")])
    assert [one.id for one in space.find(milk.id[:8])] == [milk.id]
    assert [one.id for one in space.find("Eggs")] == [eggs.id]
    space.delete(eggs)
    assert [[one.id for one in space.find("Eggs", deleted=d)] for d in (False, True)] == [
        [],
        [eggs.id],
    ]
