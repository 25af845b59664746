"""Properties of canonical CBOR (security.md 2.3)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.codec import PAYLOAD, RECORD, decode, encode
from kithspace.errors import CodecError, LimitError

plain = st.none() | st.booleans() | st.binary(max_size=40) | st.text(max_size=20)
records = st.recursive(
    plain | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)
payloads = st.recursive(
    plain
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False, width=64),
    lambda inner: st.lists(inner, max_size=4).map(tuple),
    max_leaves=12,
)
BIG = 1 << 20


def _typed(value: object) -> object:
    return (
        [_typed(item) for item in value] if isinstance(value, tuple) else (type(value), repr(value))
    )


@given(records)
def test_2_3_a_record_survives_with_its_types(value: object) -> None:
    assert _typed(decode(encode(value), BIG)) == _typed(value)


@given(payloads)
def test_2_3_a_payload_survives_with_its_types(value: object) -> None:
    assert _typed(decode(encode(value), BIG, PAYLOAD)) == _typed(value)


@given(st.binary(max_size=200), st.sampled_from([RECORD, PAYLOAD]))
def test_2_3_garbage_is_refused_or_canonical(garbage: bytes, limits: object) -> None:
    try:
        value = decode(garbage, BIG, limits)  # type: ignore[arg-type]
    except CodecError:
        return
    assert encode(value) == garbage


@pytest.mark.parametrize(
    "text",
    [
        "1801",  # not the shortest integer
        "5f4101ff",  # indefinite length
        "a10102",  # a map
        "c074323031332d30332d32315432303a30343a30305a",  # a tag
        "d8236161",  # a regular expression tag
        "f7",  # undefined
        "f4f4",  # trailing byte
        "f93c00",  # half float
        "fb7ff8000000000000",  # NaN
        "fb7ff0000000000000",  # Infinity
        "9b0000010000000000",  # 2^40 elements announced
        "62c328",  # not UTF-8
        "e0",  # a simple value
        "",
    ],
)
def test_2_3_what_is_not_canonical_is_refused(text: str) -> None:
    for limits in (RECORD, PAYLOAD):
        with pytest.raises(CodecError):
            decode(bytes.fromhex(text), BIG, limits)


def test_2_3_records_hold_no_floats_and_no_large_integers() -> None:
    for value in (1.0, 2**53, -(2**53)):
        decode(encode(value), BIG, PAYLOAD)
        with pytest.raises(CodecError):
            decode(encode(value), BIG)


def test_2_4_limits_are_kept_before_anything_is_built() -> None:
    with pytest.raises(LimitError):
        decode(encode(b"x" * 100), 50)
    with pytest.raises(CodecError):
        decode(b"\x81" * 5_000 + b"\x80", BIG)
    with pytest.raises(LimitError):
        decode(encode([0] * 5_000), BIG)
    nested: object = 0
    for _ in range(9):
        nested = [nested]
    with pytest.raises(CodecError):
        decode(encode(nested), BIG)


def test_minus_zero_and_one_stay_floats() -> None:
    assert math.copysign(1, decode(encode(-0.0), BIG, PAYLOAD)) == -1  # type: ignore[arg-type]
    assert type(decode(encode(1.0), BIG, PAYLOAD)) is float


def test_surrogates_are_refused() -> None:
    with pytest.raises(CodecError):
        encode("\ud800")
