"""Random schedules of all that may happen to people who share a space.

`KITHSPACE_SCHEDULES` says how many; without it 10,000 in CI and 200 elsewhere. A seed that fails is
printed, and kept in seeds.txt, which is replayed first.
"""

import os
from pathlib import Path

import pytest

from kithspace.core.roles import Role
from kithspace.testing.schedules import Shape, run_schedule

SEEDS = Path(__file__).with_name("seeds.txt")
AT_ONCE = 100
COUNT = int(os.environ.get("KITHSPACE_SCHEDULES", "10000" if "CI" in os.environ else "200"))
KEPT = [int(line.split("#")[0]) for line in SEEDS.read_text().splitlines() if line.split("#")[0]]
pytestmark = pytest.mark.simulation


@pytest.mark.parametrize("seed", KEPT)
def test_what_failed_once_holds(seed: int) -> None:
    run_schedule(seed)


@pytest.mark.parametrize("first", range(0, COUNT, AT_ONCE))
def test_all_replicas_are_the_same_after_a_random_schedule(first: int) -> None:
    for seed in range(first, min(first + AT_ONCE, COUNT)):
        try:
            run_schedule(seed)
        except BaseException:
            if seed not in KEPT:
                with SEEDS.open("a") as kept:
                    kept.write(f"{seed}\n")
            raise


@pytest.mark.parametrize("seed", range(3))
def test_50_nodes_come_to_the_same(seed: int) -> None:
    roles = (Role.ADMIN, Role.ADMIN, *[Role.WRITER] * 40, *[Role.READER] * 8)
    run_schedule(seed, Shape(50, 60, 0.001, 20_000, roles))
