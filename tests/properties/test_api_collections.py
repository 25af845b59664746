"""Lists, sets and dicts of objects in a space do what Python's own do, and are saved."""

# ruff: noqa: RUF012 - a mutable default is copied for each object

import copy
import heapq
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kithspace as ks
from tests.api_world import one_space

values = st.integers(0, 3) | st.sampled_from(["a", "b", None])
places = st.integers(-4, 5)
some = st.lists(values, max_size=4)
pieces = st.builds(slice, st.none() | places, st.none() | places, st.sampled_from([None, 1, 2, -1]))


class Box(ks.Object):
    items: list[Any] = []
    bag: set[int] = set()
    book: dict[str, Any] = {}
    deep: list[list[dict[str, list[int]]]] = []


@pytest.fixture(scope="module")
def space() -> Iterator[ks.Space]:
    with one_space() as found:
        yield found


list_edits: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.just("append"), values),
    st.tuples(st.just("extend"), some),
    st.tuples(st.just("insert"), places, values),
    st.tuples(st.just("remove"), values),
    st.tuples(st.just("pop")),
    st.tuples(st.just("pop"), places),
    st.tuples(st.just("clear")),
    st.tuples(st.just("reverse")),
    st.tuples(st.just("__setitem__"), places, values),
    st.tuples(st.just("__setitem__"), pieces, some),
    st.tuples(st.just("__delitem__"), places | pieces),
    st.tuples(st.just("__iadd__"), some),
    st.tuples(st.just("__imul__"), st.integers(-1, 2)),
    st.tuples(st.just("sort")),
)


def do(target: Any, edit: tuple[Any, ...]) -> object:
    """What an edit gives, or which error it raises."""
    name, *arguments = edit
    try:
        if name == "sort":
            return target.sort(key=repr)
        result = getattr(target, name)(*arguments)
    except (IndexError, ValueError, KeyError) as error:
        return type(error)
    return None if name.startswith("__i") else result


def stored(box: Box, field: str) -> Any:
    """What the space holds, past everything that Python objects remember."""
    place = box._kith
    assert place is not None
    document = place.session.backend.get(place.id)
    assert document is not None
    found = document.get(field)
    return found if isinstance(found, (list, set, dict)) else None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=some, edits=st.lists(list_edits, max_size=6))
def test_a_list_does_what_a_list_does(
    space: ks.Space, start: list[Any], edits: list[tuple[Any, ...]]
) -> None:
    real, box = list(start), space.add(Box(items=list(start)))
    for edit in edits:
        assert do(box.items, edit) == do(real, edit)
        assert box.items == real
        assert (stored(box, "items") or []) == real


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=some, edits=st.lists(list_edits, max_size=6))
def test_a_transaction_comes_down_to_the_same(
    space: ks.Space, start: list[Any], edits: list[tuple[Any, ...]]
) -> None:
    real, box = list(start), space.add(Box(items=list(start)))
    with space.transaction():
        for edit in edits:
            assert do(box.items, edit) == do(real, edit)
    assert box.items == real
    assert (stored(box, "items") or []) == real


set_edits: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.sampled_from(["add", "discard", "remove"]), st.integers(0, 4)),
    st.tuples(st.just("clear")),
    st.tuples(
        st.sampled_from(
            [
                "update",
                "difference_update",
                "intersection_update",
                "symmetric_difference_update",
                "__ior__",
                "__iand__",
                "__isub__",
                "__ixor__",
            ]
        ),
        st.sets(st.integers(0, 4)),
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sets(st.integers(0, 4)), edits=st.lists(set_edits, max_size=6))
def test_a_set_does_what_a_set_does(
    space: ks.Space, start: set[int], edits: list[tuple[Any, ...]]
) -> None:
    real, box = set(start), space.add(Box(bag=set(start)))
    for edit in edits:
        assert do(box.bag, edit) == do(real, edit)
        assert box.bag == real
        assert (stored(box, "bag") or set()) == real


keys = st.sampled_from(["a", "b", "c", ""])
dict_edits: st.SearchStrategy[tuple[Any, ...]] = st.one_of(
    st.tuples(st.just("__setitem__"), keys, values),
    st.tuples(st.sampled_from(["__delitem__", "pop"]), keys),
    st.tuples(st.sampled_from(["pop", "setdefault"]), keys, values),
    st.tuples(st.sampled_from(["update", "__ior__"]), st.dictionaries(keys, values)),
    st.tuples(st.just("clear")),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.dictionaries(keys, values), edits=st.lists(dict_edits, max_size=6))
def test_a_dict_does_what_a_dict_does(
    space: ks.Space, start: dict[str, Any], edits: list[tuple[Any, ...]]
) -> None:
    real, box = dict(start), space.add(Box(book=dict(start)))
    for edit in edits:
        assert do(box.book, edit) == do(real, edit)
        assert box.book == real
        assert (stored(box, "book") or {}) == real


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.lists(values, min_size=1, max_size=6), data=st.data())
def test_a_moved_item_keeps_its_identity(
    space: ks.Space, start: list[Any], data: st.DataObject
) -> None:
    box = space.add(Box(items=list(start)))
    i = data.draw(st.integers(-len(start), len(start) - 1))
    j = data.draw(st.integers(-len(start), len(start) - 1))
    real, ids = list(start), list(box.items._kith_ids)  # type: ignore[attr-defined]
    real.insert(range(len(real))[j], real.pop(i))
    ids.insert(range(len(ids))[j], ids.pop(i))
    box.items.move(i, j)  # type: ignore[attr-defined]
    assert box.items == real
    assert box.items._kith_ids == ids  # type: ignore[attr-defined]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.lists(st.integers(0, 99), max_size=8))
def test_what_c_code_does_to_a_list_is_found(space: ks.Space, start: list[int]) -> None:
    box = space.add(Box(items=list(start)))
    with space.transaction():
        heapq.heapify(box.items)
        heapq.heappush(box.items, 50)
    real = list(start)
    heapq.heapify(real)
    heapq.heappush(real, 50)
    assert stored(box, "items") == real
    heapq.heappush(box.items, 7)
    heapq.heappush(real, 7)
    assert box.items == real
    assert stored(box, "items") == real


def test_nested_collections_are_saved_in_place(space: ks.Space) -> None:
    box = space.add(Box())
    box.deep.append([{"a": [1]}])
    inner = box.deep[0]
    book = inner[0]
    book["a"].append(2)
    book["b"] = [3]
    inner.append({})
    box.deep.insert(0, [])
    inner[1]["c"] = [4]
    assert box.deep == [[], [{"a": [1, 2], "b": [3]}, {"c": [4]}]]
    assert stored(box, "deep") == [[], [{"a": [1, 2], "b": [3]}, {"c": [4]}]]
    assert box.deep[1] is inner
    assert inner[0] is book


def test_collections_are_real_ones(space: ks.Space) -> None:
    box = space.add(Box(items=[1, 2], bag={1}, book={"k": [1]}))
    assert isinstance(box.items, list)
    assert isinstance(box.bag, set)
    assert isinstance(box.book, dict)
    assert json.dumps([box.items, box.book]) == '[[1, 2], {"k": [1]}]'
    assert [type(copy.copy(one)) for one in (box.items, box.bag, box.book)] == [list, set, dict]
    assert [box.items + [3], box.bag | {2}, {**box.book}] == [[1, 2, 3], {1, 2}, {"k": [1]}]  # noqa: RUF005
    assert [repr(box.items), repr(box.bag)] == ["[1, 2]", "{1}"]
    assert type(copy.deepcopy(box.book)["k"]) is list


def test_a_wrong_element_is_refused_and_nothing_changes(space: ks.Space) -> None:
    box = space.add(Box(bag={1}, items=[1]))
    refused: list[Callable[[], object]] = [
        lambda: box.bag.add("x"),  # type: ignore[arg-type]
        lambda: box.bag.update([2, "x"]),  # type: ignore[list-item]
        lambda: box.items.append(object()),
        lambda: box.deep.append([{"a": ["x"]}]),  # type: ignore[list-item]
        lambda: box.book.update({1: 2}),  # type: ignore[dict-item]
    ]
    for attempt in refused:
        with pytest.raises(ks.FieldType):
            attempt()
    assert (box.bag, box.items, box.deep, box.book) == ({1}, [1], [], {})
