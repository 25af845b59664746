"""A query means the same in SQL and in Python (Q1), and takes the index that we choose (Q2)."""

import enum
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.condition import Test as Condition
from kithspace.core.condition import find_leaf, parse_json, parse_keywords
from kithspace.core.ids import ObjectId, to_text
from kithspace.core.json_value import from_tagged, to_tagged
from kithspace.core.projection import Json, project
from kithspace.core.query import COLUMNS, Plan, index_columns, parse_order, q2_driver
from kithspace.core.schema import Field, FieldSpec, Schema, read_fields
from kithspace.core.sql_text import ID_FUNCTION, after_prefix
from kithspace.core.value import RefValue, to_payload
from kithspace.errors import BadQuery, UnknownField


class Thing:
    """Stands for the API's Object."""

    __kith_kind__ = "object"
    __kith_type__: ClassVar[str]
    __kith_fields__: ClassVar[dict[str, Field]] = {}
    link: RefValue

    def _kith_link(self) -> RefValue:
        return self.link


class Part:
    __kith_kind__ = "record"
    __kith_fields__: ClassVar[dict[str, Field]] = {}


class Status(enum.Enum):
    OPEN = "open"
    DONE = "done"


class Person(Thing):
    __kith_type__ = "person"
    name: str
    age: int


class Address(Part):
    street: str
    city: str


class Task(Thing):
    __kith_type__ = "task"
    title: str
    done: bool
    priority: int
    hours: float | None
    due: datetime | None
    cost: Decimal
    status: Status
    kind: Literal["a", "b"] | None
    at: Address
    maybe_at: Address | None
    owner: Person | None
    anything: Any


def schema_of(cls: type, base: type, defaults: Mapping[str, object]) -> Schema:
    fields = read_fields(cls, base, {}, defaults)
    cls.__kith_fields__ = fields  # type: ignore[attr-defined]
    return Schema(getattr(cls, "__kith_type__", ""), 1, fields, cls.__name__)


PERSON = schema_of(Person, Thing, {"age": 30})
schema_of(Address, Part, {"city": "Rome"})
TASK = schema_of(
    Task,
    Thing,
    {
        "done": False,
        "priority": FieldSpec(default=1, index=True),
        "hours": 2.5,
        "due": None,
        "cost": Decimal("1.50"),
        "status": Status.OPEN,
        "kind": None,
        "at": FieldSpec(factory=Address),
        "maybe_at": None,
        "owner": None,
        "anything": None,
    },
)
SCHEMAS = {"person": PERSON, "task": TASK}
NUMBERS = {"person": 1, "task": 2}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ["Milk", "milk", "Mi", "\x00", "M\x00ilk", "it's", '"', "é", "\uffff", "\U0010ffff"]
)
ints = st.integers(-5, 5) | st.integers() | st.sampled_from([2**63, -(2**63), 2**70])
floats = st.floats(allow_nan=False, allow_infinity=False)
zones = st.sampled_from([None, UTC, timezone(timedelta(hours=5))])
moments = st.datetimes(timezones=zones)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
scalars: st.SearchStrategy[object] = st.one_of(
    st.none(), st.booleans(), ints, floats, texts, moments, decimals
)
people_ids = st.sampled_from([ObjectId(bytes([n]) * 16) for n in range(4)])

VALUES: dict[str, st.SearchStrategy[object]] = {
    "title": texts,
    "done": st.booleans(),
    "priority": ints,
    "hours": st.none() | floats,
    "due": st.none() | moments,
    "cost": decimals,
    "status": st.sampled_from(["open", "done"]),
    "kind": st.sampled_from([None, "a", "b"]),
    "owner": st.none() | people_ids.map(RefValue),
    "anything": scalars,
}


def shown(value: object) -> Json:
    return project(to_payload(value, "a value"))


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Json]:
    doc: dict[str, Json] = {}
    for name, values in VALUES.items():
        if draw(st.booleans()):
            doc[name] = shown(draw(values))
    for name in ("at", "maybe_at"):
        if draw(st.booleans()):
            doc[name] = {key: draw(texts) for key in ("street", "city") if draw(st.booleans())}
    if draw(st.integers(0, 9)) == 0:
        nested: list[Json] = [["Milk"], {"a": 1}, [], {}]
        doc["anything"] = draw(st.sampled_from(nested))
    return doc


@st.composite
def conditions(draw: st.DrawFn) -> tuple[Condition, ...]:
    name = draw(
        st.sampled_from([*VALUES, "at__city", "maybe_at__city", "owner__name", "owner__age"])
    )
    values = {
        "at__city": texts,
        "maybe_at__city": texts,
        "owner__name": texts,
        "owner__age": ints,
    } | VALUES
    op = draw(
        st.sampled_from(
            ["eq", "ne", "lt", "le", "gt", "ge", "in", "startswith", "endswith", "contains", "has"]
        )
    )
    wanted: object = draw(values[name])
    if op == "in":
        wanted = draw(st.lists(values[name], max_size=3))
    if op == "has":
        wanted = draw(st.booleans())
    try:
        return parse_keywords(TASK, SCHEMAS, {f"{name}__{op}": wanted})
    except BadQuery:
        return ()


orders = st.lists(
    st.sampled_from(
        ["title", "-title", "priority", "-priority", "due", "-anything", "cost", "at.city"]
    ),
    max_size=2,
)


class Row(NamedTuple):
    n: int
    id: bytes
    type: int
    live: int
    created: int
    doc: dict[str, Json]


rows = st.lists(
    st.tuples(
        st.sampled_from([1, 2, 2, 2]), st.integers(0, 7).map(bool), st.integers(0, 3), documents()
    ),
    max_size=8,
)


def make_rows(given: list[tuple[int, bool, int, dict[str, Json]]]) -> list[Row]:
    found = []
    for n, (kind, live, created, task) in enumerate(given):
        person = {"name": task.get("title", "x"), "age": task.get("priority", 1)}
        doc = person if kind == 1 else task
        found.append(Row(n, bytes([n]) * 16, kind, int(live), created, doc))
    return found


def id_text(*given: Any) -> str:
    return to_text(given[0])


def database(stored: list[Row]) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    db.create_scalar_function(ID_FUNCTION, id_text, 1, deterministic=True)
    db.execute(
        "create table objects(n integer primary key, id blob unique, type int, live int,"
        " created int, doc text, meta blob)"
    )
    priority = find_leaf(TASK, SCHEMAS, ["priority"])[1]
    db.execute(
        f"create index t2_priority on objects({index_columns(priority)}) where type = 2 and live"
    )
    db.execute("create index t_type on objects(type, created, id) where live")
    for row in stored:
        db.execute(
            "insert into objects values (?,?,?,?,?,?,x'')",
            (*row[:5], json.dumps(row.doc, ensure_ascii=False)),
        )
    return db


def by_sql(plan: Plan, db: apsw.Connection) -> list[int]:
    sql, parameters = plan.statement(lambda name: NUMBERS.get(name, -1))
    return [row[0] for row in db.execute(sql, parameters)]


def by_scan(plan: Plan, stored: list[Row]) -> list[int]:
    names = {number: name for name, number in NUMBERS.items()}
    live = {to_text(row.id): (names[row.type], row.doc) for row in stored if row.live}
    found = [
        row
        for row in stored
        if row.live and names[row.type] == plan.type_name and plan.matches(row.doc, live.get)
    ]
    found.sort(key=lambda row: plan.key(row.doc, row.created, row.id))
    return [row.n for row in plan.cut(found)]


@given(
    given_rows=rows,
    tests=st.lists(conditions(), max_size=3),
    order=orders,
    limit=st.none() | st.integers(0, 4),
    offset=st.integers(0, 2),
)
def test_q1_sql_finds_what_a_scan_finds(
    given_rows: list[tuple[int, bool, int, dict[str, Json]]],
    tests: list[tuple[Condition, ...]],
    order: list[str],
    limit: int | None,
    offset: int,
) -> None:
    stored = make_rows(given_rows)
    flat = tuple(test for group in tests for test in group)
    plan = Plan("task", flat, parse_order(TASK, SCHEMAS, order))
    if plan.is_exact:
        plan = plan.with_limit(limit, offset)
    assert by_sql(plan, database(stored)) == by_scan(plan, stored)


@given(given_rows=rows, tests=conditions())
def test_q1_counting_counts_what_is_found(
    given_rows: list[tuple[int, bool, int, dict[str, Json]]], tests: tuple[Condition, ...]
) -> None:
    stored = make_rows(given_rows)
    plan = Plan("task", tests)
    sql, parameters = plan.count_statement(lambda name: NUMBERS.get(name, -1))
    ((count,),) = database(stored).execute(sql, parameters).fetchall()
    assert count == len(by_scan(plan, stored))


@given(prefix=texts, text=texts)
def test_after_prefix_bounds_all_that_start_so(prefix: str, text: str) -> None:
    end = after_prefix(prefix)
    is_inside = text >= prefix and (end is None or text < end)
    assert is_inside == text.startswith(prefix)


@given(value=st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_values_survive_json(value: object) -> None:
    again = from_tagged(json.loads(json.dumps(to_tagged(value))))
    assert (again, type(again)) == (value, type(value))


@pytest.mark.parametrize(
    ("keywords", "order", "limit", "driver"),
    [
        ({"done": False, "priority": 2}, [], None, "priority"),
        ({"done": False, "priority__ge": 2}, ["priority"], 20, "priority"),
        ({"done": False, "priority__ge": 2}, ["title"], None, "priority"),
        ({"done": False}, ["-priority"], 20, "priority"),
        ({"done": False}, ["title"], 20, None),
        ({"priority__ne": 2}, [], None, None),
    ],
)
def test_q2_the_driving_index_is_ours(
    keywords: dict[str, object], order: list[str], limit: int | None, driver: str | None
) -> None:
    tests = parse_keywords(TASK, SCHEMAS, keywords)
    plan = Plan("task", tests, parse_order(TASK, SCHEMAS, order), limit)
    leaf = q2_driver(plan)
    assert (leaf.path[0] if leaf else None) == driver
    sql, parameters = plan.statement(NUMBERS.__getitem__)
    steps = database([]).execute("explain query plan " + sql, parameters).fetchall()
    used = [step for step in (str(row[3]) for row in steps) if "INDEX" in step]
    assert ["t2_priority" in used[0], "t_type" in used[0]] == [driver is not None, driver is None]


def test_statements_select_the_columns_of_an_object_row() -> None:
    sql, _ = Plan("task").statement(NUMBERS.__getitem__)
    assert sql.startswith(f"select {COLUMNS} from objects where type = 2 and live")  # noqa: S608


def test_keywords_and_json_are_one() -> None:
    by_keyword = parse_keywords(
        TASK, SCHEMAS, {"done": False, "priority__ge": 2, "owner__name": "Ana", "kind__in": ["a"]}
    )
    by_json = parse_json(
        TASK,
        SCHEMAS,
        {"done": False, "priority": {"ge": 2}, "owner.name": "Ana", "kind": {"in": ["a"]}},
    )
    assert by_keyword == by_json


@pytest.mark.parametrize(
    ("keywords", "text"),
    [
        ({"priority": "x"}, "Task.priority is int and cannot be compared with 'x'."),
        ({"priority__ge": None}, "Task.priority is int and cannot be compared with None."),
        ({"due__lt": 3}, "Task.due is datetime and cannot be compared with 3."),
        (
            {"done__lt": Status.OPEN},
            "Task.done is bool and cannot be compared with <Status.OPEN: 'open'>.",
        ),
        ({"title__name": 1}, "Task.title holds str, which has no 'name'."),
        ({"priority__contains": 1}, "Task.priority is int and cannot be asked contains 1."),
        (
            {"status__lt": Status.OPEN},
            "Task.status is Status and cannot be asked lt <Status.OPEN: 'open'>.",
        ),
    ],
)
def test_a_condition_without_sense_is_refused_when_it_is_made(
    keywords: dict[str, object], text: str
) -> None:
    with pytest.raises(BadQuery) as caught:
        parse_keywords(TASK, SCHEMAS, keywords)
    assert str(caught.value).startswith(text)


def test_an_unknown_field_is_named_with_its_neighbour() -> None:
    with pytest.raises(UnknownField, match="Did you mean “priority”"):
        parse_keywords(TASK, SCHEMAS, {"prioritty": 2})
