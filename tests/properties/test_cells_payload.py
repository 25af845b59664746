"""Payloads: what is written is read, and nothing else is (V14, W2, W4, A7, A8)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.codec import encode
from kithspace.core.ids import IdentityId, ObjectId, SpaceId
from kithspace.core.object_id import PROFILE_SALT, is_own, own_object_id
from kithspace.core.payload import Group, Payload, decode_payload, encode_payload
from kithspace.core.stamp import ZERO, Stamp, pack_time
from kithspace.core.write import make_write
from kithspace.errors import PayloadError

OWN, OTHER = b"\x0f" * 32, b"\x0a" * 32
SPACE, AUTHOR = SpaceId(b"\5" * 32), IdentityId(b"\1" * 32)
NOW = Stamp(pack_time(1000, 0), OWN)
ID = ObjectId(bytes(16))

plain = st.none() | st.booleans() | st.integers(-9, 2**64 - 1) | st.text(max_size=5)
times = st.integers(1, NOW.time - 1)
feeds = st.sampled_from([OWN, OTHER, b"\x77" * 32])
stamps = st.builds(Stamp, times, feeds, st.just(b""))
replaced = st.sets(stamps, max_size=3).map(lambda some: tuple(sorted(some, reverse=True)))


def unique_keys(pairs: list[tuple[Any, Any]]) -> tuple[Any, ...]:
    known = {encode(key): (key, value) for key, value in pairs}
    return tuple(part for _, pair in sorted(known.items()) for part in pair)


values: st.SearchStrategy[Any] = st.recursive(
    plain | st.sampled_from([(6, "1.5"), (3, "2026-05-03"), (21, b"x"), (99, ())]),
    lambda inner: st.one_of(
        st.lists(st.tuples(plain, inner), max_size=3).map(lambda some: (16, unique_keys(some))),
        st.lists(inner, max_size=3).map(lambda some: (18, b"12345678", tuple(some))),
        st.sets(st.text(max_size=3), max_size=3).map(
            lambda some: (17, tuple(sorted(some, key=encode)))
        ),
    ),
    max_leaves=6,
)
outer_values = st.one_of(
    values,
    st.just((0,)),
    st.tuples(st.just(19), st.integers(-9, 9)),
    st.tuples(
        st.just(20),
        st.integers(),
        st.sampled_from([(), ((OTHER, 1),), ((OTHER, 1), (OWN, -1))]),
    ).filter(lambda form: -(2**64) <= form[1] < 2**64),
    st.tuples(st.just(22), st.just(ZERO) | stamps, st.binary(max_size=5)),
    st.tuples(st.just(23), st.just(ZERO) | stamps, st.binary(max_size=5)),
)
field_paths = st.tuples(st.sampled_from("abcd")) | st.tuples(st.sampled_from("ab"), plain)
writes = st.one_of(
    st.builds(make_write, field_paths, outer_values, replaced),
    st.builds(make_write, field_paths, outer_values, replaced, origin=stamps),
    st.builds(make_write, field_paths, values, zero=st.just(value=True)),
    st.builds(
        lambda kind, fields: make_write((), (24, kind, fields)),
        st.sampled_from(["task", "note"]),
        st.dictionaries(st.sampled_from("abcd"), values, max_size=3).map(
            lambda some: tuple(part for pair in some.items() for part in pair)
        ),
    ),
)
groups = st.builds(
    lambda object_id, version, write: Group(0, ObjectId(object_id), version, (write,)),
    st.binary(min_size=16, max_size=16).filter(lambda raw: not is_own(raw)),
    st.integers(0, 2**32 - 1),
    writes,
)
payloads = st.builds(
    Payload,
    st.text(max_size=9),
    st.none() | st.binary(min_size=16, max_size=16),
    st.text(max_size=9),
    st.lists(stamps, max_size=2).map(tuple),
    st.lists(groups, max_size=4, unique_by=lambda group: group.id).map(tuple),
)


def decoded(body: bytes) -> Payload:
    return decode_payload(body, OWN, SPACE, AUTHOR, NOW)


def content(payload: Payload) -> Payload:
    """A root's fields stand in the order of their names' numbers: compare them sorted."""

    def sort(value: Any) -> Any:
        if not isinstance(value, tuple) or not value or value[0] != 24:
            return value
        flat = value[2]
        return (24, value[1], tuple(sorted(zip(flat[::2], flat[1::2], strict=True), key=repr)))

    return payload._replace(
        groups=tuple(
            group._replace(
                writes=tuple(write._replace(value=sort(write.value)) for write in group.writes)
            )
            for group in payload.groups
        )
    )


@given(payloads)
def test_a_payload_comes_back_and_has_one_form(payload: Payload) -> None:
    body = encode_payload(payload, OWN)
    read = decoded(body)
    assert repr(content(read)) == repr(content(payload))
    assert encode_payload(read, OWN) == body


@given(payloads, st.data())
def test_v14_a_damaged_payload_raises_nothing_but_payload_errors(
    payload: Payload, data: st.DataObject
) -> None:
    body = bytearray(encode_payload(payload, OWN))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    try:
        read = decoded(bytes(body))
    except PayloadError:
        return
    assert encode_payload(read, OWN) == bytes(body)


@given(
    st.recursive(
        st.none() | st.integers(0, 30) | st.text(max_size=2) | st.binary(max_size=2),
        lambda inner: st.lists(inner, max_size=5),
    )
)
def test_v14_anything_else_raises_nothing_but_payload_errors(value: object) -> None:
    for body in (encode(value), encode([1, ["a", None], None, [], [], value])):
        try:
            decoded(body)
        except PayloadError:
            continue
        assert body == encode_payload(decoded(body), OWN)


def body_of(
    *some: Any, what: int = 0, name: bytes = ID, names: tuple[str, ...] = ("a", "b")
) -> bytes:
    return encode((1, ("app", None), None, (), names, ((what, name, 1, some),)))


@pytest.mark.parametrize(
    ("rule", "some"),
    [
        ("W2", ((0, 1), (0, 2), (1, 0))),
        ("W2", ((0, (16, ("x", 1))), ((0, "x"), 2), (1, 0))),
        ("W2", (((), (24, 0, (1, 5))), (1, 6))),
        ("W2", ((0, (21, b"x")), (0, (22, 0, b"y")), (1, 0))),
    ],
)
def test_w2_two_writes_of_one_cell_are_refused(rule: str, some: tuple[Any, ...]) -> None:
    with pytest.raises(PayloadError, match="one write per cell"):
        decoded(body_of(*some))


def test_w2_a_counters_sum_and_base_are_two_cells() -> None:
    assert len(decoded(body_of((0, (19, 1)), (0, (20, 1, ())), (1, 0))).groups[0].writes) == 3


@pytest.mark.parametrize(
    "named",
    [
        ((0, 1000, 0),),
        ((0, 1001, 0),),
        ((0, 5, 0), (0, 5, 0)),
        ((0, 5, 0), (0, 6, 0)),
        (),
        ((0, 5),),
        ((0, 5, 65536),),
        ((0, 2**47, 0),),
        ((1, 5, 0),),
        ((-1, 5, 0),),
    ],
)
def test_w4_replaced_stamps_are_below_the_blocks_sorted_and_well_formed(named: object) -> None:
    with pytest.raises(PayloadError):
        decoded(body_of((0, 1, named), (1, 0)))


@pytest.mark.parametrize(
    "write", [(0, 1, 1), (0, 1, 0, (0, 5, 0)), (0, 1, False), (0,), (0, 1, (), 5)]
)
def test_a7_a_zero_write_is_written_in_one_way(write: object) -> None:
    with pytest.raises(PayloadError):
        decoded(body_of(write, (1, 0)))


@pytest.mark.parametrize(
    ("what", "name", "kind"),
    [
        (0, b"\x80" + bytes(15), "task"),
        (0, ID, "kith.message"),
        (0, ID, "kith.profile"),
        (1, b"s" * 16, "task"),
        (1, b"s" * 16, "kith.profile"),
        (1, PROFILE_SALT, "kith.message"),
        (2, ID, "task"),
        (0, bytes(15), "task"),
        (1, bytes(17), "kith.message"),
    ],
)
def test_a8_own_objects_have_own_types_and_ids(what: int, name: bytes, kind: str) -> None:
    with pytest.raises(PayloadError):
        decoded(body_of(((), (24, 0, ())), what=what, name=name, names=(kind,)))


def test_a8_an_own_objects_id_comes_from_its_author() -> None:
    body = body_of(((), (24, 0, ())), what=1, name=b"s" * 16, names=("kith.message",))
    (group,) = decoded(body).groups
    assert group.id == own_object_id(SPACE, AUTHOR, b"s" * 16)
    assert is_own(group.id)
    other = decode_payload(body, OWN, SPACE, IdentityId(b"\2" * 32), NOW).groups[0]
    assert other.id != group.id


@pytest.mark.parametrize(
    "body",
    [
        encode((2, ("app", None), None, (), (), ())),
        encode((True, ("app", None), None, (), (), ())),
        encode((1, ("a" * 129, None), None, (), (), ())),
        encode((1, ("app", b"short"), None, (), (), ())),
        encode((1, ("app", None), ("", ()), (), (), ())),
        encode((1, ("app", None), ("l" * 129, ()), (), (), ())),
        encode((1, ("app", None), None, (OTHER,), (), ())),
        encode((1, ("app", None), None, (OWN,), (), ())),
        encode((1, ("app", None), None, (), ("unused",), ())),
        body_of((1, 0), (0, 0)),
        body_of((0, 0), (1, 0), names=("a", "a")),
        encode(
            (1, ("app", None), None, (), ("a",), ((0, ID, 1, ((0, 1),)), (0, ID, 1, ((0, 1),))))
        ),
        body_of(names=()),
        body_of(((0,), 1), (1, 0)),
        body_of(((0, (16, ())), 1), (1, 0)),
        body_of(((0, "x" * 256), 1), (1, 0)),
        body_of(((0, *"x" * 16), 1), (1, 0)),
        body_of((0, (24, 0, ())), (1, 0)),
        body_of(((), 5), (0, 0), (1, 0)),
        body_of((0, (16, ("k", (0,)))), (1, 0)),
        body_of((0, (0, 1)), (1, 0)),
        body_of((0, (22, 1, b"")), (1, 0)),
        body_of((0, (21, b"x" * 98_305)), (1, 0)),
        body_of((0, "x" * 131_073), (1, 0)),
        b"",
        b"\xff",
    ],
)
def test_v14_what_breaks_the_grammar_is_refused(body: bytes) -> None:
    with pytest.raises(PayloadError):
        decoded(body)


def test_2_4_a_block_has_at_most_4096_writes() -> None:
    some = tuple(((0, at), 1) for at in range(4097))
    assert decoded(body_of(*some[:-1], names=("a",)))
    with pytest.raises(PayloadError):
        decoded(body_of(*some, names=("a",)))
