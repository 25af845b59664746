"""What does it cost to open, to read, to ask, and to be told?"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bare import Bare
from benchmarks.measure import Row, median, number, once_ms, percentile, times_us
from benchmarks.world import SPACE, Page, Task, fill, open_vault
from kithspace import Change, Space

REPEATS = 5


def measure(folder: Path, bare: Bare, count: int) -> list[Row]:
    """Ask a vault that is there already, closed."""
    rows = opening(folder, count)
    if count >= 100_000:
        return rows
    with open_vault(folder) as vault:
        space = vault.space(SPACE)
        rows += asking(space, bare)
        rows += following(space)
    rows += loading(folder)
    rows += text(folder.with_name("text"))
    return rows


def opening(folder: Path, count: int) -> list[Row]:
    """Open and ask, in fresh processes."""
    found = [child("open", str(folder)) for _ in range(REPEATS)]
    ms = median(one["ms"] for one in found)
    mb = median(one["mb"] for one in found)
    fresh = number(median(one["fresh"] for one in found))
    beside = f"modules loaded; loading them, with an empty vault: {fresh}"
    target = 10 if count < 100_000 else 20
    return [
        Row(f"open and first query, {count:,} objects", ms, "ms", target, beside=beside),
        Row(f"resident memory after that, {count:,} objects", mb, "MB", 80),
    ]


def child(*arguments: str) -> dict[str, float]:
    """What a process of its own says."""
    command = [sys.executable, "-m", "benchmarks.child", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return dict(json.loads(done.stdout.splitlines()[0]))


def asking(space: Space, bare: Bare) -> list[Row]:
    """Points and queries, warm, as objects."""
    kept = list(space.all(Task))
    ids = [one.id for one in kept]
    size = len(ids)
    loaded = times_us(lambda i: space.get(Task, ids[i * 7 % size]).title, 2_000)
    kept.clear()
    read = times_us(lambda i: space.get(Task, ids[i * 7 % size]).title, 2_000)
    beside = f"bare {number(bare.point_us())}; loaded before {number(percentile(loaded, 0.5))}"
    query = space.all(Task, done=False, priority__ge=2).order_by("priority").limit(20)
    first = list(query)
    asked = times_us(lambda _: list(query), 300)
    assert len(first) == 20
    rows = f"bare rows {number(bare.query_us())}"
    what = "done=False, priority__ge=2, by priority, limit 20, warm, as objects"
    return [
        Row("point read", percentile(read, 0.5), "µs", 15, beside=beside),
        Row(what, percentile(asked, 0.5), "µs", 150, beside=rows),
    ]


def following(space: Space) -> list[Row]:
    """From a write to the callback of a live query."""
    one = space.all(Task, priority=3).first()
    assert one is not None
    rows = []
    for queries, target in ((1, 200), (1_000, 1_000)):
        arrived = threading.Event()
        seen = [0.0]

        def look(
            _: Change[Task], arrived: threading.Event = arrived, seen: list[float] = seen
        ) -> None:
            seen[0] = time.perf_counter()
            arrived.set()

        watches = [space.all(Task, owner=one.owner, priority=3).watch(look, now=False)]
        others = [space.all(Task, owner=f"person {i}", priority=i % 5) for i in range(queries - 1)]
        watches += [other.watch(_ignore, now=False) for other in others]
        taken = []
        for i in range(200):
            arrived.clear()
            start = time.perf_counter()
            one.weight = float(i)
            assert arrived.wait(5)
            taken.append((seen[0] - start) * 1e6)
        for watch in watches:
            watch.stop()
        words = f"write to callback, {queries:,} live quer{'y' if queries == 1 else 'ies'}"
        rows.append(Row(words, median(taken), "µs", target))
    return rows


def _ignore(_: Change[Task]) -> None:
    """A watcher of something else."""


def loading(folder: Path) -> list[Row]:
    """1,000 live objects, each of them read: from the disk, and when they are in memory."""
    with open_vault(folder) as vault:
        space = vault.space(SPACE)
        space.all(Task, title="").first()
        query = space.all(Task).limit(1_000)
        kept: list[Task] = []
        cold = once_ms(lambda: kept.extend(query))
        touched = once_ms(lambda: read_all(kept))
        loaded = median(once_ms(lambda: read_all(query)) for _ in range(REPEATS))
    return [
        Row("1,000 live objects, cold, every title read", cold + touched, "ms", 6),
        Row("1,000 live objects, loaded", loaded, "ms", 2),
    ]


def read_all(tasks: Sequence[Task]) -> int:
    """Read a field of each."""
    return sum(len(one.title) for one in tasks)


def text(folder: Path, edits: int = 50_000) -> list[Row]:
    """Open a text of many edits."""
    with open_vault(folder) as vault:
        space = vault.space(SPACE)
        page = space.add(Page("A page"))
        for first in range(0, edits, 500):
            with space.transaction():
                for i in range(first, first + 500):
                    page.body.insert(i * 7 % (i + 1), "x")
        page_id = page.id
    with open_vault(folder) as vault:
        space = vault.space(SPACE)
        found: list[str] = []
        taken = once_ms(lambda: found.append(str(space.get(Page, page_id).body)))
    assert len(found[0]) == edits
    return [Row(f"open a text of {edits:,} edits", taken, "ms", 20)]


def build(folder: Path, count: int) -> None:
    """Make a vault with tasks, unless writing left one."""
    with open_vault(folder) as vault:
        fill(vault.space(SPACE), count)
