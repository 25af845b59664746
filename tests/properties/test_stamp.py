"""Properties of stamps: H1, H2, W13, V8."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.stamp import COUNTER_BITS, Stamp, pack_time, tick
from kithspace.errors import StampError
from tests.strategies import now_ms, stamps


@given(readings=st.lists(now_ms, max_size=50))
def test_h1_a_feed_never_issues_a_stamp_twice(readings: list[int]) -> None:
    last = 0
    issued = [last := tick(last, now) for now in readings]
    assert all(a < b for a, b in itertools.pairwise(issued))


@given(seen=st.integers(0, 2**62), now=now_ms)
def test_h2_a_stamp_is_greater_than_all_that_was_seen(seen: int, now: int) -> None:
    assert tick(seen, now) == max(seen + 1, now << COUNTER_BITS)


@given(a=stamps, b=stamps)
def test_w13_time_decides_then_the_feed(a: Stamp, b: Stamp) -> None:
    assert (a < b) == ((a.time, a.feed) < (b.time, b.feed))


@given(ms=st.integers(0, 2**47 - 1), counter=st.integers(0, 65_535))
def test_v8_a_time_comes_apart_as_it_was_packed(ms: int, counter: int) -> None:
    stamp = Stamp(pack_time(ms, counter), b"f" * 32)
    assert (stamp.milliseconds, stamp.counter) == (ms, counter)
    assert stamp.time < 2**63


@pytest.mark.parametrize(("ms", "counter"), [(2**47, 0), (-1, 0), (0, 65_536), (0, -1)])
def test_v8_what_does_not_fit_is_refused(ms: int, counter: int) -> None:
    with pytest.raises(StampError):
        pack_time(ms, counter)
