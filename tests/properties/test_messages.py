"""Messages are typed whole, once, and nothing but a message gets through."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import codec
from kithspace.errors import PeerError
from kithspace.protocol import messages as m
from tests.wire_messages import any_message, odd_messages


@given(message=any_message)
def test_x1_every_message_comes_back_as_it_went(message: Any) -> None:
    lane = m.place_of(message).lanes[0]
    assert m.decode(m.encode(message), lane) == message


@given(message=any_message, lane=st.sampled_from(m.LANES))
def test_a_message_travels_on_its_own_lanes_only(message: Any, lane: int) -> None:
    if lane in m.place_of(message).lanes:
        assert m.decode(m.encode(message), lane) == message
    else:
        with pytest.raises(PeerError, match="does not belong on lane"):
            m.decode(m.encode(message), lane)


@given(body=st.binary(max_size=300), lane=st.sampled_from(m.LANES))
def test_x1_random_bytes_raise_nothing_but_peer_error(body: bytes, lane: int) -> None:
    with contextlib.suppress(PeerError):
        m.decode(body, lane)


@given(value=odd_messages, lane=st.sampled_from(m.LANES))
def test_x1_no_shape_of_an_array_raises_anything_but_peer_error(value: Any, lane: int) -> None:
    with contextlib.suppress(PeerError):
        m.decode(codec.encode(value), lane)


@given(message=any_message, data=st.data())
def test_x1_a_truncated_or_changed_message_raises_nothing_but_peer_error(
    message: Any, data: st.DataObject
) -> None:
    body = bytearray(m.encode(message))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] = data.draw(st.integers(0, 255))
    for spoiled in (bytes(body), bytes(body[:place]), bytes(body) + b"\0"):
        try:
            m.decode(spoiled, m.place_of(message).lanes[0])
        except PeerError:
            continue


def test_each_kind_has_its_own_limit() -> None:
    too_long = m.Have(0, bytes(m.MAX_CONTROL_BYTES))
    with pytest.raises(PeerError, match="Have of"):
        m.decode(m.encode(too_long), m.LIVE)
    with pytest.raises(PeerError) as caught:
        m.decode(bytes(m.MAX_CONTROL_BYTES + 1), m.CONTROL)
    assert caught.value.code == "E_LIMIT"


def test_an_unknown_number_is_passed_over_only_if_a_feature_names_it() -> None:
    body = codec.encode([60, 1, 2])
    assert m.decode(body, m.CONTROL, frozenset({60})) is None
    with pytest.raises(PeerError):
        m.decode(body, m.CONTROL)


def test_a_number_of_ours_is_never_passed_over() -> None:
    with pytest.raises(PeerError):
        m.decode(codec.encode([0, 1]), m.CONTROL, frozenset({0}))
