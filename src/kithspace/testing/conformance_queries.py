# ruff: noqa: S101, D102 - a suite of tests that others derive from: asserts, names as sentences
"""Does a store answer the plans of `core.query`?

Rules: data.md Q1 (every store answers alike), Q2 (an index changes the cost, never the answer).
"""

import json
from typing import Final

from kithspace.core.condition import find_leaf, parse_keywords
from kithspace.core.effects import DropObject, PutType, Row
from kithspace.core.query import Plan, index_columns, parse_order
from kithspace.core.schema import Schema
from kithspace.testing import store_rows as some
from kithspace.testing.store_suite import StoreOpener, StoreSuite

_TASK: Final = Schema("task", 1, {}, "task", is_open=True)
_DOCS: Final = (
    {"title": "Milk", "priority": 2},
    {"title": "Eggs", "priority": 3},
    {"title": "Bread"},
    {"title": "Oats", "priority": 2},
)
_TYPES: Final = (PutType(1, "task", 1, "{}", ""), PutType(2, "person", 1, "{}", ""))


def _rows() -> list[Row]:
    tasks = [some.an_object(n, json.dumps(doc)) for n, doc in enumerate(_DOCS, 1)]
    person = some.an_object(5, json.dumps(_DOCS[0]), kind=2)
    deleted = some.an_object(6, json.dumps(_DOCS[0]), live=0)
    return [*_TYPES, *tasks, person, deleted]


def _plan(*order: str, limit: int | None = None, offset: int = 0, **where: object) -> Plan:
    tests = parse_keywords(_TASK, {}, where)
    return Plan("task", tests, parse_order(_TASK, {}, order), limit, offset)


class StoreQueries(StoreSuite):
    """Plans are answered with rows of objects."""

    def test_q1_a_plan_finds_live_objects_of_its_type_that_pass(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(_rows())
        assert [row.n for row in store.query(_plan())] == [1, 2, 3, 4]
        assert [row.n for row in store.query(_plan(priority=2))] == [1, 4]
        assert [row.n for row in store.query(_plan(priority__ge=2, title="Eggs"))] == [2]
        assert store.query(_plan(title="Eggs")) == [some.an_object(2, json.dumps(_DOCS[1]))]

    def test_q1_order_limit_and_offset_are_carried_out(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(_rows())
        assert [row.n for row in store.query(_plan("title"))] == [3, 2, 1, 4]
        assert [row.n for row in store.query(_plan("-priority"))] == [2, 1, 4, 3]
        assert [row.n for row in store.query(_plan("-priority", limit=2, offset=1))] == [1, 4]

    def test_q1_counting_disregards_the_limit(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(_rows())
        assert store.count(_plan(limit=1)) == 4
        assert store.count(_plan(priority=2)) == 2
        assert store.count(_plan(title="Salt")) == 0

    def test_a_plan_sees_the_newest_commit(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(_rows())
        store.commit(
            [some.an_object(3, '{"priority":2}'), some.an_object(1, live=0), DropObject(2)]
        )
        assert [row.n for row in store.query(_plan(priority=2))] == [3, 4]

    def test_q2_an_index_does_not_change_an_answer(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(_rows())
        plans = [_plan(priority=2), _plan(priority__ge=2), _plan("-priority", limit=3)]
        before = [store.query(plan) for plan in plans]
        columns = index_columns(find_leaf(_TASK, {}, ["priority"])[1])
        store.commit([_TYPES[0]._replace(indexed=json.dumps({"priority": columns}))])
        assert [store.query(plan) for plan in plans] == before
        store.commit([some.an_object(2, '{"priority":1}')])
        assert [row.n for row in store.query(plans[2])] == [1, 4, 2]

    def test_a_type_that_was_never_written_has_no_objects(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(_rows()[1:])
        assert [row.n for row in store.query(Plan("person"))] == [5]
        assert store.query(_plan()) == []
        assert store.count(_plan()) == 0
