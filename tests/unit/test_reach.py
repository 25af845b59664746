"""Whom a node dials, when again, and whom it lets in."""

import itertools
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.ids import DeviceKey
from kithspace.runtime.reach import (
    MAX_PENDING,
    MAX_PENDING_EACH,
    Doorkeeper,
    Scores,
    Target,
    back_off_ms,
)
from tests.wire import START_MS, seeded

EVE = DeviceKey(b"e" * 32)
EVERY_WAIT = (500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000)


@given(tries=st.integers(0, 1_000), noise=st.binary(min_size=2, max_size=2))
def test_back_off_doubles_up_to_a_minute_with_a_jitter_of_30_percent(
    tries: int, noise: bytes
) -> None:
    whole = EVERY_WAIT[min(tries, len(EVERY_WAIT) - 1)]
    assert whole * 0.69 <= back_off_ms(tries, lambda size: noise[:size]) <= whole * 1.31


def wait_after(target: Target, draw: Callable[[int], bytes]) -> int:
    target.failed(START_MS, draw)
    return (target.due_ms or 0) - START_MS


def test_a_target_waits_longer_each_time() -> None:
    target, draw = Target("ws://h:1", is_kept=False), seeded("target")
    waits = [wait_after(target, draw) for _ in range(6)]
    assert all(later > sooner for sooner, later in itertools.pairwise(waits))


def test_a_target_that_rests_is_dialled_again_when_something_changes() -> None:
    target, draw = Target("ws://h:1", is_kept=False, tries=5), seeded("target")
    target.rest()
    resting = target.due_ms
    target.hurry(START_MS)
    assert (resting, target.due_ms) == (None, START_MS)
    assert wait_after(target, draw) < 700


def test_n6_four_strangers_of_one_address_may_wait_and_the_fifth_is_refused() -> None:
    door = Doorkeeper()
    admitted = [door.admit("10.0.0.9", START_MS) for _ in range(MAX_PENDING_EACH + 1)]
    assert admitted == [True] * MAX_PENDING_EACH + [False]
    door.settled("10.0.0.9")
    assert door.admit("10.0.0.9", START_MS + 1_000)


def test_n6_ten_handshakes_a_second_and_64_pending() -> None:
    door, now_ms = Doorkeeper(), START_MS
    burst = [door.admit(f"10.0.1.{number}", now_ms) for number in range(12)]
    assert burst.count(True) == 10
    admitted = 10
    for number in range(200):
        now_ms += 100
        admitted += door.admit(f"10.0.2.{number}", now_ms)
    assert admitted == MAX_PENDING
    assert sum(door.pending.values()) == MAX_PENDING


def test_settling_more_often_than_admitting_does_no_harm() -> None:
    door = Doorkeeper()
    door.settled("10.0.0.9")
    assert door.pending == {}


def test_a_score_of_minus_100_bans_for_10_minutes_and_then_for_20() -> None:
    scores = Scores()
    assert [scores.lose(EVE, -50, START_MS) for _ in range(2)] == [False, True]
    assert scores.is_banned(EVE, START_MS + 599_999)
    assert not scores.is_banned(EVE, START_MS + 600_000)
    later = START_MS + 700_000
    assert scores.lose(EVE, -100, later)
    assert scores.is_banned(EVE, later + 1_199_999)
    assert not scores.is_banned(EVE, later + 1_200_000)


def test_a_ban_is_never_longer_than_a_day() -> None:
    scores = Scores()
    for _ in range(20):
        scores.lose(EVE, -100, START_MS)
    assert not scores.is_banned(EVE, START_MS + 86_400_000)
