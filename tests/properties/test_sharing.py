"""Whatever two nodes have, and whenever it grows: they open just what they share."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from kithspace.core.ids import SpaceId
from kithspace.protocol.matching import Matcher, n3_choose, n3_shuffle
from kithspace.protocol.noise import Side
from kithspace.protocol.sharing_events import EarlyCredentials, SpaceReady
from tests.wire import Person, TestBook, Wire, key_of, seeded, space_named

ANA, BEN, CLEO = Person("ana"), Person("ben"), Person("cleo")
PEOPLE = [ANA, BEN, CLEO]
HASH = b"h" * 32


@dataclass(frozen=True)
class Growth:
    """At some moment one of the two gets a space, or a newer generation of one."""

    who: int
    space: int
    number: int
    carried: int


growths = st.lists(
    st.builds(
        Growth,
        who=st.integers(0, 1),
        space=st.integers(0, 4),
        number=st.integers(1, 4),
        carried=st.integers(0, 6),
    ),
    max_size=14,
)


def grow(book: TestBook, growth: Growth) -> None:
    space = space_named(str(growth.space))
    key = key_of(space, growth.number)
    if space not in book.ledgers:
        book.take_part(space, "+ana", "+ben", numbers=(growth.number,))
    elif key not in book.keys:
        book.keys.append(key)
        book.keys.sort(key=lambda one: -one.number)


def expected(ana: TestBook, ben: TestBook) -> set[SpaceId]:
    return {key.space for key in ana.keys} & {key.space for key in ben.keys if key in ana.keys}


@settings(max_examples=150)
@given(before=growths, during=growths)
def test_n3_n4_just_what_both_have_opens_on_both_sides(
    before: list[Growth], during: list[Growth]
) -> None:
    ana, ben = TestBook(ANA, PEOPLE), TestBook(BEN, PEOPLE)
    for growth in before:
        grow((ana, ben)[growth.who], growth)
    ana.take_part(space_named("always"), "+ana", "+ben")
    ben.take_part(space_named("always"), "+ana", "+ben")
    wire = Wire(ana, ben)
    for growth in during:
        wire.pump(wire.carried + growth.carried)
        grow((ana, ben)[growth.who], growth)
        wire.ends[growth.who].keys_grown(wire.now_ms)
    wire.pump(1_000_000)
    for _ in range(3):
        wire.pass_time(1_000)
        for end in wire.ends:
            end.keys_grown(wire.now_ms)
        wire.pump(1_000_000)
    wire.pass_time(1_500)
    assert wire.errors == []
    for number in (0, 1):
        opened = [e.space for e in wire.of(number, SpaceReady) if isinstance(e, SpaceReady)]
        assert sorted(opened) == sorted(expected(ana, ben))


@settings(max_examples=100)
@given(
    common=st.integers(0, 3),
    anas=st.lists(st.sampled_from(["+cleo", "-cleo"]), max_size=4),
    bens=st.lists(st.sampled_from(["+cleo", "-cleo"]), max_size=4),
    is_known=st.booleans(),
)
def test_x1_two_with_different_credentials_meet_or_learn_why_not(
    common: int, anas: list[str], bens: list[str], *, is_known: bool
) -> None:
    """Ana's and Ben's sets differ at the end; both are members in the union."""
    space = space_named("groceries")
    start = ["+ana", *(f"note {number}" for number in range(common))]
    start += ["+ben"] if is_known else []
    ana, ben = TestBook(ANA, PEOPLE), TestBook(BEN, PEOPLE)
    ana.take_part(space, *start, *anas)
    ben.take_part(space, *start, *bens, *([] if is_known else ["+ben"]))
    wire = Wire(ana, ben)
    done = [0, 0]
    for _ in range(20):
        wire.pump(1_000_000)
        for number in (0, 1):
            early = wire.of(number, EarlyCredentials)
            for event in early[done[number] :]:
                assert isinstance(event, EarlyCredentials)
                wire.books[number].take_in(event.space, event.records)
                wire.ends[number].dealt_with(event.lane, event.size)
                wire.ends[number].credentials_taken(event.space, wire.now_ms)
            done[number] = len(early)
    assert wire.errors == []
    assert len(wire.of(0, SpaceReady)) == len(wire.of(1, SpaceReady)) == 1


@given(spaces=st.integers(0, 40), generations=st.integers(1, 12), side=st.sampled_from(list(Side)))
def test_n3_lists_are_padded_bounded_and_hold_8_generations(
    spaces: int, generations: int, side: Side
) -> None:
    keys = [
        key_of(space_named(str(space)), number)
        for number in range(generations, 0, -1)
        for space in range(spaces)
    ]
    joined = Matcher(side, HASH).make_list(keys, seeded("list"))
    chosen = n3_choose(keys)
    assert len(joined) % (8 * 32) == 0
    assert 8 * 32 <= len(joined) <= 8 * 1_024
    assert len(chosen) == spaces * min(generations, 8)
    assert len(joined) - 8 * len(chosen) < 8 * 32 or not chosen


@given(tags=st.lists(st.binary(min_size=8, max_size=8), max_size=50))
def test_n3_shuffling_keeps_every_tag(tags: list[bytes]) -> None:
    assert sorted(n3_shuffle(tags, seeded("shuffle"))) == sorted(tags)
