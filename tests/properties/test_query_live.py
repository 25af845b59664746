"""A live result is what asking again would give, and tells exactly what changed (Q3)."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kithspace as ks
from kithspace.api import live
from kithspace.api.change import Gathered
from kithspace.api.following import Told
from kithspace.api.live import Delta
from tests.api_world import one_space


class Place(ks.Object):
    name: str = ""


class Visit(ks.Object):
    title: str = ""
    done: bool = False
    stars: int = ks.field(default=1, index=True)
    place: Place | None = None
    tags: set[str] = ks.field(factory=set)


@pytest.fixture(scope="module")
def space() -> Iterator[ks.Space]:
    with one_space() as found, pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "SLACK", 1)  # so that a limited result runs out now and then
        yield found


class Listener(Told):
    """Takes down what it is told."""

    def __init__(self, query: "ks.Results[Visit]") -> None:
        self.seen: set[bytes] = set()
        self.wrong: list[str] = []

    def take(self, delta: Delta, who: object) -> None:
        for id_ in delta.added:
            self.wrong += ["added twice"] if id_ in self.seen else []
            self.seen.add(id_)
        for id_ in delta.updated:
            self.wrong += ["updated but absent"] if id_ not in self.seen else []
        for id_ in delta.removed:
            self.wrong += ["removed but absent"] if id_ not in self.seen else []
            self.seen.discard(id_)

    def stop(self) -> None:
        """Nothing to stop."""


questions = st.fixed_dictionaries(
    {},
    optional={
        "done": st.booleans(),
        "stars__ge": st.integers(0, 3),
        "stars": st.integers(0, 3),
        "title__startswith": st.sampled_from(["", "a"]),
        "place__name": st.sampled_from(["Rome", "Oslo"]),
        "tags__contains": st.sampled_from(["x", "y"]),
    },
)
orders = st.lists(st.sampled_from(["stars", "-stars", "title", "title:nocase"]), max_size=2)
limits = st.none() | st.tuples(st.integers(0, 3), st.integers(0, 1))
actions = st.lists(
    st.tuples(
        st.sampled_from(
            ["add", "title", "done", "stars", "place", "tag", "delete", "back", "name"]
        ),
        st.integers(0, 9),
        st.integers(0, 3),
    ),
    min_size=3,
    max_size=20,
)


def act(
    space: ks.Space, visits: list[Visit], places: list[Place], action: tuple[str, int, int]
) -> None:
    name, which, value = action
    if name == "add" or not visits:
        visits.append(space.add(Visit(title="aAbB"[value], stars=value)))
        return
    visit = visits[which % len(visits)]
    if name == "back":
        space.undelete(visit)
    elif name == "name":
        places[which % 2].name = ["Rome", "Oslo"][value % 2]
    elif visit.meta.deleted is not None:
        return
    elif name == "delete":
        space.delete(visit)
    elif name == "tag":
        visit.tags ^= {"xyxy"[value]}
    elif name == "place":
        visit.place = [None, *places, None][value]
    else:
        setattr(visit, name, {"title": "aAbB"[value], "done": value > 1, "stars": value}[name])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    question=questions,
    order=orders,
    limit=limits,
    start=st.lists(st.integers(0, 3), min_size=3, max_size=9),
    todo=actions,
    batch=st.integers(1, 4),
)
def test_q3_a_live_result_is_what_asking_again_gives(
    space: ks.Space,
    question: dict[str, Any],
    order: list[str],
    limit: tuple[int, int] | None,
    start: list[int],
    todo: list[tuple[str, int, int]],
    batch: int,
) -> None:
    for old in space.all(Visit):
        space.delete(old)
    places = space.add_all([Place("Rome"), Place("Oslo")])
    visits = space.add_all([Visit(title="aAbB"[n], stars=n) for n in start])
    results = space.all(Visit, **question).order_by(*order)
    if limit is not None:
        results = results.limit(limit[0], offset=limit[1])
    listener = Listener(results)
    session = space._session
    query, stop = session.followers.follow_plan(results._source.plan, listener)  # type: ignore[attr-defined]
    listener.seen = set(query.ids)
    for first in range(0, len(todo), batch):
        with space.transaction():
            for action in todo[first : first + batch]:
                act(space, visits, places, action)
        again = [one._kith.id for one in results]  # type: ignore[union-attr]
        assert query.ids == again
        assert (listener.seen, listener.wrong) == (set(again), [])
    stop()


states = st.sampled_from(["added", "updated", "removed"])


@given(
    told=st.lists(st.tuples(states, st.integers(0, 2)), max_size=12),
    was_in=st.sets(st.integers(0, 2)),
)
def test_g6_merged_changes_say_what_came_of_it(
    told: list[tuple[str, int]], was_in: set[int]
) -> None:
    gathered, present, touched = Gathered(), set(was_in), set()
    for state, n in told:
        if (state == "added") == (n in present):
            continue
        id_ = bytes([n])
        touched.add(n)
        deltas = {
            "added": Delta((id_,), (), ()),  # type: ignore[arg-type]
            "updated": Delta((), (id_,), ()),  # type: ignore[arg-type]
            "removed": Delta((), (), (id_,)),  # type: ignore[arg-type]
        }
        gathered.take(deltas[state], [])
        present = present | {n} if state == "added" else present
        present = present - {n} if state == "removed" else present
    shown = {
        state: {id_[0] for id_ in gathered.those(state)}
        for state in ("added", "updated", "removed")
    }
    assert shown == {
        "added": present - was_in,
        "updated": present & was_in & touched,
        "removed": was_in - present,
    }
