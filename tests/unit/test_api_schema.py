"""Which classes can be types, which values fit their fields, and what is said where not."""

# ruff: noqa: RUF012 - a mutable default is copied for each object

from __future__ import annotations

import enum
import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pytest

import kithspace as ks
from kithspace.api.base import fields_of
from kithspace.api.schemas import schema_of
from kithspace.core.registration import read_stored, schema_id, type_of
from tests.api_world import one_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Status(enum.Enum):
    OPEN = "open"
    DONE = "done"


class Address(ks.Record):
    street: str
    city: str = ""


class Person(ks.Object):
    name: str


class Task(ks.Object):
    title: str
    priority: int = 1
    hours: float = 0.0
    done: bool = False
    due: datetime | None = None
    day: date | None = None
    status: Status = Status.OPEN
    size: Literal["s", "m"] | None = None
    tags: set[str] = set()
    counts: dict[str, int] = {}
    at: Address | None = None
    owner: Person | None = None
    notes: ks.Text = ks.Text()
    votes: ks.Counter = ks.Counter()
    parent: Task | None = None
    children: list[Later] = []
    link: ks.Ref[Person] | None = None
    limit: ClassVar[int] = 7


class Later(ks.Object):
    title: str = ""


@pytest.fixture
def space() -> Iterator[ks.Space]:
    with one_space() as found:
        yield found


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("priority", "high", "Task.priority holds int; 'high' is text. Give a whole number."),
        ("priority", True, "Task.priority holds int; True is a truth value. Give a whole number."),
        ("priority", 1.0, "Task.priority holds int; 1.0 is a number. Give a whole number."),
        ("priority", None, "Task.priority holds int; None is no value. Give a whole number."),
        ("title", 3, "Task.title holds str; 3 is a whole number. Give text."),
        ("title", b"x", "Task.title holds str; b'x' is bytes. Give text."),
        (
            "title",
            Status.OPEN,
            "Task.title holds str; <Status.OPEN: 'open'> is of Status. Give text.",
        ),
        ("done", 1, "Task.done holds bool; 1 is a whole number. Give a truth value."),
        (
            "due",
            date(2026, 1, 1),
            (
                "Task.due holds datetime | None; datetime.date(2026, 1, 1) is a date."
                " Give a datetime."
            ),
        ),
        (
            "day",
            datetime(2026, 1, 1),  # noqa: DTZ001
            (
                "Task.day holds date | None; datetime.datetime(2026, 1, 1, 0, 0) is a datetime."
                " Give a date."
            ),
        ),
        ("hours", Decimal(1), "Task.hours holds float; Decimal('1') is a Decimal. Give a number."),
        (
            "status",
            "open",
            "Task.status holds Status; 'open' is text. Give Status.OPEN or Status.DONE.",
        ),
        ("size", "x", "Task.size holds 's' | 'm' | None; 'x' is text. Give 's' or 'm'."),
        ("tags", ["x"], "Task.tags holds set[str]; ['x'] is a list. Give a set."),
        ("tags", {1}, "Task.tags holds set[str]; 1 is a whole number. Give text."),
        (
            "counts",
            {"a": "b"},
            "Task.counts holds dict[str, int]; 'b' is text. Give a whole number.",
        ),
        ("at", "Rome", "Task.at holds Address | None; 'Rome' is text. Give an Address."),
        ("notes", "x", "Task.notes holds Text; 'x' is text. Give ks.Text(…), or use .set(…)."),
        (
            "votes",
            3,
            "Task.votes holds Counter; 3 is a whole number. Give ks.Counter(n), or add with +=.",
        ),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    space: ks.Space, field: str, value: object, text: str
) -> None:
    values: dict[str, Any] = {"title": "x", field: value}
    with pytest.raises(ks.FieldType) as made:
        Task(**values)
    task = space.add(Task("Milk"))
    with pytest.raises(ks.FieldType) as assigned:
        setattr(task, field, value)
    assert str(made.value) == str(assigned.value) == text
    assert getattr(task, field) == getattr(Task("Milk"), field) or field == "notes"


def test_an_int_fits_a_float_field_and_stays_an_int(space: ks.Space) -> None:
    task = space.add(Task("Milk", hours=2))
    assert (task.hours, type(task.hours)) == (2, int)


def test_subclasses_of_plain_types_become_plain(space: ks.Space) -> None:
    class Name(str):
        __slots__ = ()

    task = space.add(Task(Name("Milk")))
    assert (task.title, type(task.title)) == ("Milk", str)


def test_an_unknown_field_is_named_with_what_was_meant(space: ks.Space) -> None:
    task = space.add(Task("Milk"))
    for attempt in (lambda: setattr(task, "prioritty", 2), lambda: Task("x", prioritty=2)):  # type: ignore[call-arg]
        with pytest.raises(ks.UnknownField) as caught:
            attempt()
        assert str(caught.value) == ("Task has no field “prioritty”. Did you mean “priority”?")
    with pytest.raises(ks.UnknownField, match=r"Task has no field “zzz”\.$"):
        task.zzz = 1  # type: ignore[attr-defined]


def test_what_a_new_object_needs_is_asked_for() -> None:
    with pytest.raises(TypeError, match="Task needs title: Task\\(title=…\\)"):
        Task()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Person takes up to 1 values, 2 were given"):
        Person("a", "b")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="was given name twice"):
        Person("a", name="b")  # type: ignore[misc]


def test_a_reference_stays_within_its_space(space: ks.Space) -> None:
    plain = Person("Eva")
    with pytest.raises(ks.FieldType, match=r"Person\('Eva'\) is in no space yet"):
        space.add(Task("Milk", owner=plain))
    with one_space("Work") as other:
        away = other.add(Person("Eva"))
        task = space.add(Task("Milk"))
        with pytest.raises(ks.FieldType, match="this Person is in another space"):
            task.owner = away
        task.link = ks.ref(away)
        assert task.link is not None
        assert (task.link.id, task.link.space_id) == (away.id, other.id)


def test_classes_may_name_later_ones_and_themselves(space: ks.Space) -> None:
    child = space.add(Later("c"))
    parent = space.add(Task("p"))
    task = space.add(Task("t", parent=parent, children=[child]))
    assert (task.parent, task.children) == (parent, [child])
    assert Task.limit == 7
    assert "limit" not in fields_of(Task)


def test_fields_are_inherited_in_order(space: ks.Space) -> None:
    class Note(Person, type="note"):
        text: str = ""

    note = space.add(Note("Ana", "hello"))
    assert (note.name, note.text, len(space.all(Person)), len(space.all(Note))) == (
        "Ana",
        "hello",
        0,
        1,
    )


# ---------------------------------------------------------------- classes


def bad_id() -> None:
    class Bad(ks.Object):
        id: str


def bad_private() -> None:
    class Bad(ks.Object):
        _cache: str


def bad_step() -> None:
    class Bad(ks.Object):
        a__b: str


def bad_type() -> None:
    class Bad(ks.Object):
        a: complex


def bad_union() -> None:
    class Bad(ks.Object):
        a: int | str


def bad_element() -> None:
    class Bad(ks.Object):
        a: set[list[int]]


def bad_text() -> None:
    class Bad(ks.Object):
        a: list[ks.Text]


def bad_default() -> None:
    class Bad(ks.Object):
        a: int = "x"  # type: ignore[assignment]


def bad_none() -> None:
    class Bad(ks.Object):
        a: int = None  # type: ignore[assignment]


def bad_order() -> None:
    class Bad(ks.Object):
        a: int = 1
        b: int  # type: ignore[misc]


def bad_index() -> None:
    class Bad(ks.Object):
        a: list[int] = ks.field(factory=list, index=True)


def bad_full_text() -> None:
    class Bad(ks.Object):
        a: int = ks.field(default=0, text=True)


def bad_name() -> None:
    class Bad(ks.Object, type="kith.bad"):
        a: int


@pytest.mark.parametrize(
    ("declare", "text"),
    [
        (bad_id, "Bad.id: this name belongs to kithspace. Call it bad_id."),
        (bad_private, "Bad._cache: this name belongs to kithspace. Call it bad_cache."),
        (bad_step, "Bad.a__b: two underscores stand for a step in conditions. Call it a_b."),
        (bad_type, "Bad.a: a field cannot hold complex."),
        (bad_union, "Bad.a: a field cannot hold int | str. Give one type, X | None, or Any."),
        (bad_element, "Bad.a: list[int] cannot be an element of a set."),
        (bad_text, "Bad.a: Text stands inside a."),
        (bad_default, "Bad.a holds int; 'x' is text. Give a whole number."),
        (bad_none, "Bad.a holds int, and its default is None. Write int | None."),
        (bad_order, "Bad.b has no default but follows a, which has one. Move b up"),
        (bad_index, "Bad.a holds list[int], which cannot have an index."),
        (bad_full_text, "Bad.a holds int, which has no full text."),
        (bad_name, "Bad: type names that start with “kith.” belong to kithspace. Call it bad."),
    ],
)
def test_a_class_that_cannot_be_a_type_is_refused_where_it_stands(
    declare: Callable[[], None], text: str
) -> None:
    with pytest.raises(TypeError) as caught:
        declare()
    assert str(caught.value).startswith(text)
    assert isinstance(caught.value, (ks.BadSchema, ks.FieldType))


def test_a_name_that_cannot_be_found_is_told_at_first_use() -> None:
    class Lost(ks.Object):
        a: Nowhere  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ks.BadSchema, match="Lost: an annotation names 'Nowhere', which cannot"):
        Lost(1)


# ---------------------------------------------------------------- registration


def test_e4_a_type_is_written_down_when_it_is_first_written(space: ks.Space) -> None:
    backend = space._backend
    assert backend.get(schema_id(backend.id, "task", 1)) is None
    space.add(Task("Milk"))
    stored = read_stored(backend.get(schema_id(backend.id, "task", 1)))
    schema = schema_of(Task)
    assert stored.keys() == schema.fields.keys()
    assert {name: found.shape for name, found in stored.items()} == {
        name: json.loads(json.dumps(field.type.shape)) for name, field in schema.fields.items()
    }
    assert stored["priority"].default == "1"


def test_e4_registering_again_writes_nothing(space: ks.Space) -> None:
    space.add(Task("Milk"))
    backend = space._backend
    before = backend.get(schema_id(backend.id, "task", 1))
    space._session._types._registered.clear()
    space.add(Task("Eggs"))
    assert backend.get(schema_id(backend.id, "task", 1)) is before


def test_w9_what_is_registered_gives_way_to_any_write(space: ks.Space) -> None:
    space.add(Task("Milk"))
    document = space._backend.get(schema_id(space._backend.id, "task", 1))
    assert document is not None
    heads = document.heads(b"")
    assert [head.stamp.time for head in heads] == [0]


def test_a_shape_is_read_back_as_the_type_it_describes() -> None:
    for name, field in fields_of(Task).items():
        if name in ("at", "owner", "parent", "children", "status"):
            continue
        again = type_of(
            json.loads(json.dumps(field.type.shape)), {"text": ks.Text, "counter": ks.Counter}
        )
        assert again.shape == field.type.shape, name
    for garbage in (None, 3, [], ["list"], ["?", 1], {"a": 1}, ["choice"]):
        assert type_of(garbage, {}).shape == "any"
