"""How is a figure taken, and beside what is it shown?

Every row stands beside the calibration run of the same process: seal, sign, hash and commit the
same bytes with the bare libraries. Machines differ and are shared; ratios do not lie as much.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what, how much, the target, and the calibration beside it."""

    what: str
    figure: float
    unit: str
    target: float
    least_is_best: bool = True
    beside: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the target of data.md section 4 is met."""
        return self.distance <= 1

    @property
    def distance(self) -> float:
        """How many times worse than its target; below 1: better."""
        share = self.figure / self.target
        return share if self.least_is_best else 1 / share


@dataclass(slots=True)
class Table:
    """Rows in the order in which they were measured."""

    rows: list[Row] = field(default_factory=list)
    calibration: tuple[float, float, float] = (0, 0, 0)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def calibrate(self, sign: float, verify: float, commit: float) -> None:
        """Note what the bare libraries take, in microseconds."""
        self.calibration = (sign, verify, commit)
        print(f"bare: sign {sign:.0f}, verify {verify:.0f}, commit {commit:.0f} µs", flush=True)

    def add(self, *rows: Row) -> None:
        """Keep rows and print them at once: a benchmark is watched."""
        for row in rows:
            self.rows.append(row)
            print(show(row), flush=True)

    def markdown(self) -> str:
        """Return the table for the docs, losses included."""
        head = "| what | figure | target | met | beside it |\n| --- | ---: | ---: | --- | --- |"
        lines = [
            f"| {row.what} | {number(row.figure)} {row.unit} | {at_most(row)} {number(row.target)}"
            f" | {'yes' if row.is_met else 'no'} | {row.beside} |"
            for row in self.rows
        ]
        return "\n".join([head, *lines])


def at_most(row: Row) -> str:
    """At most, or at least."""
    return "≤" if row.least_is_best else "≥"


def number(value: float) -> str:
    """Three digits that matter."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def show(row: Row) -> str:
    """A row for the terminal."""
    met = "ok  " if row.is_met else "MISS"
    figure = f"{number(row.figure):>9} {row.unit:<10}"
    return f"{met} {row.what:<58} {figure} {at_most(row)} {number(row.target):<8} {row.beside}"


def times_us(act: Callable[[int], object], count: int) -> list[float]:
    """Call `act(i)` `count` times; return the microseconds of each, sorted."""
    gc.collect()
    taken = []
    for i in range(count):
        start = time.perf_counter_ns()
        act(i)
        taken.append((time.perf_counter_ns() - start) / 1000)
    return sorted(taken)


def once_ms(act: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    gc.collect()
    start = time.perf_counter_ns()
    act()
    return (time.perf_counter_ns() - start) / 1e6


def percentile(ordered: list[float], share: float) -> float:
    """A percentile of sorted figures."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(figures: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(figures)
