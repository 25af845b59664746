"""Values: what goes in comes out with the same type (protocol.md section 2, B1, V14)."""

import enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.codec import PAYLOAD, decode, encode
from kithspace.core.document import MISSING, Document
from kithspace.core.grammar import check_scalar
from kithspace.core.projection import project
from kithspace.core.stamp import Stamp
from kithspace.core.text import OpenText, read_text
from kithspace.core.value import (
    MAX_INT_BYTES,
    MAX_VALUE_BYTES,
    BlobValue,
    RefValue,
    TextValue,
    UnknownValue,
    from_payload,
    to_payload,
)
from kithspace.core.write import make_write
from kithspace.errors import FieldType, FieldValue, PayloadError, TooBig
from tests.models.cells_world import OBJECT, Replica, Shelf, feed_of

zones = st.sampled_from(["Europe/Paris", "America/New_York", "UTC", "Asia/Kathmandu"]).map(ZoneInfo)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
datetimes = st.one_of(st.datetimes(), st.datetimes(timezones=zones | offsets))
decimals = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-999, 999),
    st.integers(-200, 200),
)
ints = st.integers() | st.sampled_from([2**63, 2**64, -(2**64) - 1, 2**70, -(2**8000)])
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    ints,
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    datetimes,
    st.dates(),
    st.times() | st.times(timezones=offsets),
    st.timedeltas(),
    decimals,
    st.uuids(),
    st.builds(
        RefValue,
        st.binary(min_size=16, max_size=16),
        st.none() | st.binary(min_size=32, max_size=32),
    ),
    st.builds(
        BlobValue,
        st.binary(min_size=32, max_size=32),
        st.binary(min_size=32, max_size=32),
        st.integers(0, 2**40),
        st.text(max_size=9),
    ),
)


def exact(value: object) -> object:
    """What makes two values the same: type, sign of zero, zone and offset; no fold without one."""
    if isinstance(value, datetime):
        return repr(value.replace(fold=0)), value.utcoffset()
    if isinstance(value, time):
        return repr(value.replace(fold=0))
    return type(value), repr(value)


@given(scalars)
def test_a_scalar_comes_back_with_its_type(value: Any) -> None:
    form = to_payload(value, "field")
    read = decode(encode(form), 2**18, PAYLOAD)
    check_scalar(read)
    back = from_payload(read)
    assert exact(back) == exact(value)


@given(scalars)
def test_a_scalar_survives_a_merge_and_a_restart(value: Any) -> None:
    shelf = Shelf()
    document = Document.empty(OBJECT, 1)
    for at, path in enumerate([("a",), ("m", "k")]):
        write = make_write(path, to_payload(value, "field"))
        document = document.merge([write], Stamp(5 + at, feed_of(1)))
    shelf.put(document.rows(None, shelf.numbers))
    for path in (("a",), ("m", "k")):
        assert shelf.load().heads(b"\x61a") == document.heads(b"\x61a")
        assert exact(shelf.load().get(*path)) == exact(document.get(*path))


def test_what_the_issue_asks_for_survives_write_sync_restart_and_read() -> None:
    class Color(enum.Enum):
        RED = "red"

    values: dict[str, Any] = {
        "big": 2**70,
        "one": 1,
        "one_point": 1.0,
        "raw": b"\x00\xff",
        "naive": datetime(2026, 5, 3, 12, 30),  # noqa: DTZ001 - naive on purpose
        "aware": datetime(2026, 5, 3, 12, 30, tzinfo=ZoneInfo("Europe/Paris")),
        "offset": datetime(2026, 5, 3, 12, 30, tzinfo=timezone(timedelta(hours=-3))),
        "day": date(2026, 5, 3),
        "clock": time(12, 30),
        "span": timedelta(days=3, microseconds=1),
        "price": Decimal("1.50"),
        "key": UUID(int=7),
        "color": Color.RED,
        "nothing": None,
        "empty_list": [],
        "empty_map": {},
        "empty_set": set(),
        "deep": [[[1], []], []],
        "elements": {1, "a", None},
        "keys": {1: "int", "1": "text", date(2026, 5, 3): b"day"},
    }
    one, two, shelf = Replica(1), Replica(2), Shelf()
    one.write(edit.create("task", values, Seeds()))
    one.write(edit.assign(one.document, ("notes",), TextValue("e\u0301 😀"), "notes", Seeds()))
    two.pull(one)
    shelf.put(two.document.rows(None, shelf.numbers))
    loaded = shelf.load()
    for name, value in values.items():
        expected = value.value if isinstance(value, enum.Enum) else value
        assert exact(loaded.get(name)) == exact(expected), name
    assert read_text(loaded.text("notes")) == "e\u0301 😀"
    assert loaded.get("missing") is MISSING


class Seeds:
    """Entropy that is not random."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self, size: int) -> bytes:
        self.last += 1
        return self.last.to_bytes(size, "big")


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), Decimal("NaN"), Decimal("Infinity"), "\ud83d"],
)
def test_what_no_field_can_hold_is_refused_with_the_fields_name(value: object) -> None:
    with pytest.raises(FieldValue, match=r"^Task\.priority cannot hold") as error:
        to_payload(value, "Task.priority")
    assert isinstance(error.value, ValueError | FieldType)
    for nested in ([value], {"k": value}, {"k": [{"x": value}]}):
        with pytest.raises(FieldValue, match=r"Task\.priority"):
            edit.create("Task", {"priority": nested}, Seeds())


@pytest.mark.parametrize("value", [object(), (1, 2), [1], {"a": 1}, lambda: 1])
def test_other_types_are_no_scalars(value: object) -> None:
    with pytest.raises(FieldType, match=r"Task\.priority"):
        to_payload(value, "Task.priority")


def test_containers_nested_beyond_16_segments_are_refused() -> None:
    value: object = 1
    for _ in range(8):
        value = [value]
    with pytest.raises(FieldValue, match="nested"):
        edit.create("Task", {"deep": value}, Seeds())


@pytest.mark.parametrize(
    "value",
    ["x" * (MAX_VALUE_BYTES + 1), "é" * (MAX_VALUE_BYTES // 2 + 1), bytes(MAX_VALUE_BYTES + 1)],
)
def test_a_value_over_128_kib_is_too_big(value: object) -> None:
    with pytest.raises(TooBig, match=r"Task\.title would be 132 kB"):
        to_payload(value, "Task.title")


def test_an_int_over_1024_bytes_is_too_big() -> None:
    assert from_payload(to_payload(-(2 ** (8 * MAX_INT_BYTES - 1)), "n")) == -(2**8191)
    with pytest.raises(TooBig):
        to_payload(2 ** (8 * MAX_INT_BYTES - 1), "n")


def test_an_unknown_code_is_kept_and_can_be_stored_again() -> None:
    form = (99, "later", (1, 2))
    shown = from_payload(form)
    assert shown == UnknownValue(form)
    assert to_payload(shown, "field") == form


def test_a_subclass_is_stored_as_the_plain_type() -> None:
    class Level(enum.IntEnum):
        HIGH = 3

    class Name(str):
        __slots__ = ()

    assert (to_payload(Level.HIGH, "f"), type(to_payload(Level.HIGH, "f"))) == (3, int)
    assert type(to_payload(Name("x"), "f")) is str


@given(st.recursive(st.integers() | st.text() | st.binary(), lambda x: st.lists(x).map(tuple)))
def test_v14_garbage_raises_nothing_but_payload_errors(value: Any) -> None:
    try:
        check_scalar(value)
    except PayloadError:
        return
    from_payload(value)
    project(value)


comparable = [
    decimals,
    st.datetimes(),
    st.datetimes(timezones=zones | offsets),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=4),
    st.floats(allow_nan=False, allow_infinity=False),
]


@given(st.data())
def test_b1_projections_sort_as_their_values_do(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(comparable))
    left: Any = data.draw(kind)
    right: Any = data.draw(kind)
    shown: Any = project(to_payload(left, "f"))
    other: Any = project(to_payload(right, "f"))
    try:
        assert (left < right) == (shown < other)
        assert (left == right) == (shown == other)
    except OverflowError:
        return


@given(ints, ints)
def test_b1_projections_of_ints_beyond_64_bits_do_not_sort_the_other_way(a: int, b: int) -> None:
    shown: Any = project(to_payload(a, "f"))
    other: Any = project(to_payload(b, "f"))
    if a < b:
        assert shown <= other


@given(st.lists(st.tuples(st.integers(0, 30), st.text(max_size=3)), max_size=4))
def test_two_writers_edit_one_text_at_one_place(script: list[tuple[int, str]]) -> None:
    start = OpenText((), 1).splice(0, 0, "Zoe\u0308 👩\u200d👧 naïve")
    left, right = OpenText([start], 2), OpenText([start], 3)
    for place, text in script:
        at = min(place, len(left), len(right))
        first, second = left.splice(at, at, text), right.splice(at, at, text)
        left.apply(second)
        right.apply(first)
        assert str(left) == str(right)
