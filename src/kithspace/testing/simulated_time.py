"""What time is it in a simulation, what happens next, and where do random bytes come from?

Nothing here waits: time jumps to the next event. One seed gives one run.
"""

import heapq
import random
from collections.abc import Callable
from typing import Final

START_MS: Final = 1_700_000_000_000
"""When simulations begin: 14 November 2023."""


class Timeline:
    """The events of a simulation, in order of time; of equal times in order of their making.

    Args:
        seed: All randomness of the run comes from it.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self.now_ms = START_MS
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._made = 0

    def at(self, when_ms: int, call: Callable[[], None]) -> None:
        """Call at this time, or now if it is past."""
        self._made += 1
        heapq.heappush(self._events, (max(when_ms, self.now_ms), self._made, call))

    def after(self, delay_ms: int, call: Callable[[], None]) -> None:
        """Call after this time."""
        self.at(self.now_ms + delay_ms, call)

    def next_ms(self) -> int | None:
        """When the next event is."""
        return self._events[0][0] if self._events else None

    def step(self) -> bool:
        """Let the next event happen; False if there is none."""
        if not self._events:
            return False
        self.now_ms, _, call = heapq.heappop(self._events)
        call()
        return True

    def run_to(self, end_ms: int) -> None:
        """Let everything happen until this time."""
        while self._events and self._events[0][0] <= end_ms:
            self.step()
        self.now_ms = max(self.now_ms, end_ms)


class SimulatedClock:
    """The port `Clock` of one node: the common time, plus what its clock is wrong by.

    Args:
        timeline: The common time.
        skew_ms: How far this clock is ahead; may be changed, as clocks jump.
    """

    def __init__(self, timeline: Timeline, skew_ms: int = 0) -> None:
        self._timeline = timeline
        self.skew_ms = skew_ms

    def now_ms(self) -> int:
        """Milliseconds since 1970, as this node believes."""
        return self._timeline.now_ms + self.skew_ms

    def monotonic_ms(self) -> int:
        """Milliseconds since the simulation began."""
        return self._timeline.now_ms - START_MS


class SeededEntropy:
    """The port `Entropy` of one node: the same bytes in each run of a seed.

    Args:
        seed: Of the simulation.
        name: Of the node.
    """

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(f"{seed}/{name}")  # noqa: S311 - a simulation has no secrets

    def __call__(self, size: int, /) -> bytes:
        """Return `size` bytes."""
        return self._random.randbytes(size)
