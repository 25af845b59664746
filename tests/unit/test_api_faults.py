"""A commit that fails leaves every object as it is stored (B5)."""

# ruff: noqa: RUF012 - a mutable default is copied for each object

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import kithspace as ks
from kithspace.testing.faults import FaultyStore
from tests.api_world import one_space


class Entry(ks.Object):
    title: str
    steps: list[str] = []
    notes: ks.Text = ks.Text()
    votes: ks.Counter = ks.Counter()


@pytest.fixture
def space() -> Iterator[ks.Space]:
    with one_space() as found:
        yield found


@pytest.fixture
def full(space: ks.Space) -> FaultyStore:
    """Every commit fails."""
    engine: Any = space._backend.engine  # type: ignore[attr-defined]
    milk = space.add(Entry("Milk", steps=["a"], notes=ks.Text("n")))
    assert milk.title
    store = FaultyStore(engine.store, 1)
    engine.store = store
    return store


def test_b5_a_full_disk_leaves_the_old_value(space: ks.Space, full: FaultyStore) -> None:
    milk = space.all(Entry).one()
    steps, notes = milk.steps, milk.notes
    attempts: list[Callable[[], object]] = [
        lambda: setattr(milk, "title", "Oat milk"),
        lambda: steps.append("b"),
        lambda: notes.insert(0, "x"),
        lambda: setattr(milk, "votes", milk.votes.__iadd__(1)),
        lambda: space.delete(milk),
    ]
    for attempt in attempts:
        with pytest.raises(ks.DiskFull, match="“Milk” was not saved and shows its old value"):
            attempt()
    assert (milk.title, steps, str(notes), milk.votes) == ("Milk", ["a"], "n", 0)
    assert milk.meta.deleted is None
    assert full.commits >= 5


def test_b5_a_full_disk_leaves_new_objects_plain(space: ks.Space, full: FaultyStore) -> None:
    eggs = Entry("Eggs")
    with pytest.raises(ks.DiskFull, match="“Eggs” was not saved"):
        space.add(eggs)
    assert (eggs.space, eggs.title, len(space.all(Entry))) == (None, "Eggs", 1)


def test_b5_a_full_disk_takes_a_whole_transaction_back(space: ks.Space, full: FaultyStore) -> None:
    milk, eggs = space.all(Entry).one(), Entry("Eggs")
    with pytest.raises(ks.DiskFull), space.transaction():  # noqa: PT012 - all of it
        milk.title = "Oat milk"
        milk.steps += ["b"]
        space.add(eggs)
    assert (milk.title, milk.steps, eggs.space, space.all(Entry).one()) == (
        "Milk",
        ["a"],
        None,
        milk,
    )
    full._fail_at = 10**9
    milk.steps.append("c")
    space.add(eggs)
    assert (milk.steps, len(space.all(Entry))) == (["a", "c"], 2)
