"""What went in comes out, with value and type: here, after a restart, on the other side (U3)."""

# ruff: noqa: RUF012 - a mutable default is copied for each object

import copy
import enum
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

import kithspace as ks
from tests.api_world import Pair, two_people


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.Enum):
    LOW = 1
    HIGH = 2


class Address(ks.Record):
    street: str
    city: str = ""
    tags: set[str] = set()


class Friend(ks.Object):
    name: str


class Everything(ks.Object):
    integer: int = 0
    number: float = 0.0
    flag: bool = False
    text: str = ""
    raw: bytes = b""
    moment: datetime | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    price: Decimal | None = None
    key: UUID | None = None
    colour: Colour = Colour.RED
    level: Level | None = None
    size: Literal["s", "m", 3] = "s"
    maybe: int | None = 5
    names: list[str] = []
    nested: list[list[list[int]]] = []
    tags: set[str] = set()
    days: set[date] = set()
    counts: dict[str, int] = {}
    by_number: dict[int, list[str]] = {}
    at: Address | None = None
    stops: list[Address] = []
    friend: Friend | None = None
    friends: list[Friend] = []
    link: ks.Ref[Friend] | None = None
    notes: ks.Text = ks.Text()
    votes: ks.Counter = ks.Counter()
    anything: Any = None


VALUES: list[tuple[str, object]] = [
    ("integer", 2**70),
    ("integer", -(2**70) - 1),
    ("integer", 1),
    ("number", 1.0),
    ("number", -0.0),
    ("number", 1e300),
    ("flag", True),
    ("text", "emoji 👩‍👩‍👧 and é"),
    ("text", "\x00 a nought"),
    ("raw", b"\x00\xff"),
    ("moment", datetime(2026, 5, 3, 12, 1, 7, 123456)),  # noqa: DTZ001
    ("moment", datetime(2026, 5, 3, 12, 1, 7, tzinfo=UTC)),
    ("moment", datetime(2026, 5, 3, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))),
    ("moment", datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1)),
    ("day", date(2026, 2, 28)),
    ("clock", time(23, 59, 59, 999999)),
    ("span", timedelta(days=-3, microseconds=1)),
    ("price", Decimal("1.50")),
    ("price", Decimal("-0E-10")),
    ("key", UUID("12345678-1234-5678-1234-567812345678")),
    ("colour", Colour.BLUE),
    ("level", Level.HIGH),
    ("size", 3),
    ("maybe", None),
    ("names", ["b", "a", "b", ""]),
    ("nested", [[[1, 2], []], [], [[3]]]),
    ("tags", {"x", "", "y"}),
    ("days", {date(2026, 1, 1)}),
    ("counts", {"a": 1, "": 0}),
    ("by_number", {2: ["x"], -1: []}),
    ("at", Address("Main Street", "Rome", {"home"})),
    ("stops", [Address("A"), Address("B", "Oslo")]),
    ("anything", {"list": [1, 1.0, True, None, {"deep": [2**70]}], "day": date(2026, 1, 1)}),
    ("anything", [[[]], {"x"}, {}]),
]


def exactly(value: object) -> object:
    """Something that is equal only if value and type are, all the way down."""
    match value:
        case list():
            return ("list", [exactly(one) for one in value])
        case set():
            return ("set", sorted(repr(exactly(one)) for one in value))
        case dict():
            return ("dict", sorted((repr(exactly(k)), repr(exactly(v))) for k, v in value.items()))
        case ks.Record():
            return (type(value).__name__, exactly(value.__class__.__name__), repr(value))
        case datetime():
            return (value.isoformat(), value.tzinfo, value.fold)
        case ks.Text():
            return ("text", str(value))
        case _:
            return (type(value).__name__, repr(value))


def filled(field: str, value: object) -> Everything:
    values: dict[str, Any] = {field: copy.deepcopy(value)}
    return Everything(**values)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with two_people() as found:
        yield found


@pytest.mark.parametrize(
    ("field", "value"),
    [pytest.param(*pair, id=f"{pair[0]}-{n}") for n, pair in enumerate(VALUES)],
)
def test_a_value_comes_back_here_and_on_the_other_side(
    pair: Pair, field: str, value: object
) -> None:
    wanted = exactly(value)
    given, assigned = filled(field, value), Everything()
    pair.mine.add(given)
    pair.mine.add(assigned)
    setattr(assigned, field, copy.deepcopy(value))
    pair.sync()
    seen = [getattr(one, field) for one in [given, assigned, *pair.theirs.all(Everything)]]
    assert [exactly(one) for one in seen] == [wanted] * 4


def test_references_lead_to_the_same_object(pair: Pair) -> None:
    eva = pair.mine.add(Friend("Eva"))
    pair.mine.add(Everything(friend=eva, friends=[eva, eva], link=ks.ref(eva)))
    pair.sync()
    found = pair.theirs.all(Everything).one()
    there = pair.theirs.all(Friend).one()
    assert found.link is not None
    assert [found.friend, found.friends, found.link.get()] == [there, [there, there], there]


def test_text_is_edited_by_code_points_on_both_sides(pair: Pair) -> None:
    mine = pair.mine.add(Everything(notes=ks.Text("👩‍👩‍👧 née")))
    pair.sync()
    theirs = pair.theirs.all(Everything).one()
    mine.notes.insert(5, "!")
    theirs.notes += "?"
    pair.sync()
    assert str(mine.notes) == str(theirs.notes) == "👩‍👩‍👧! née?"


def test_lists_three_deep_take_appends_of_both_sides(pair: Pair) -> None:
    mine = pair.mine.add(Everything(nested=[[[1]]]))
    pair.sync()
    theirs = pair.theirs.all(Everything).one()
    mine.nested[0][0].append(2)
    theirs.nested[0][0].append(3)
    pair.sync()
    assert mine.nested == theirs.nested
    assert sorted(mine.nested[0][0]) == [1, 2, 3]


def test_counting_adds_up_whoever_counts(pair: Pair) -> None:
    mine = pair.mine.add(Everything(votes=ks.Counter(5)))
    pair.sync()
    theirs = pair.theirs.all(Everything).one()
    mine.votes += 2
    mine.votes += 1
    theirs.votes -= 1
    pair.sync()
    assert (mine.votes, theirs.votes) == (7, 7)
    mine.votes += 1
    theirs.votes = ks.Counter(0)
    pair.sync()
    assert (mine.votes, theirs.votes) == (1, 1)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "\ud800"], ids=["nan", "inf", "surrogate"]
)
def test_what_no_field_can_hold_is_refused_by_name(pair: Pair, value: object) -> None:
    thing = pair.mine.add(Everything(anything=1))
    with pytest.raises(ks.FieldType, match=r"Everything\.anything"):
        thing.anything = value
    assert thing.anything == 1


def test_a_restart_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KITH_RUNTIME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    wanted = [exactly(copy.deepcopy(value)) for _, value in VALUES]
    with ks.open_vault(tmp_path / "Ana", network=False) as vault:
        space = vault.space("Groceries")
        with space.transaction():
            space.add_all([filled(field, value) for field, value in VALUES])
    with ks.open_vault(tmp_path / "Ana", network=False) as vault:
        found = list(vault.space("Groceries", create=False).all(Everything))
        seen = [exactly(getattr(one, field)) for one, (field, _) in zip(found, VALUES, strict=True)]
    assert seen == wanted
