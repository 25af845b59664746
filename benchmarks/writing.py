"""What does it cost to write?"""

import time
from pathlib import Path

from benchmarks.bare import Bare
from benchmarks.measure import Row, number, percentile, times_us
from benchmarks.world import SPACE, STEP, Page, Task, file_bytes, open_vault, task
from kithspace import Space

BLOCK = 8


def measure(folder: Path, bare: Bare, count: int) -> list[Row]:
    """Fill a vault with `count` tasks, then change them one by one; the vault stays."""
    vault = open_vault(folder)
    space = vault.space(SPACE)
    tasks = [task(i) for i in range(count)]
    bulk, of_cpu = insert_per_s(space, tasks)
    bare_bulk = bare.insert_per_s(min(count, 20_000))
    target = 25_000 if count < 100_000 else 15_000
    rows = [
        Row(
            f"bulk insert, blocks of 1,000, {count:,} objects",
            bulk,
            "objects/s",
            target,
            least_is_best=False,
            beside=f"by processor time {number(of_cpu)}; bare {number(bare_bulk)}",
        )
    ]
    if count < 100_000:
        rows += change(space, tasks, bare)
        rows += typing(space, bare)
        vault.close()
        rows += disk(folder.with_name("disk"), count)
    vault.close()
    return rows


def insert_per_s(space: Space, tasks: list[Task]) -> tuple[float, float]:
    """Objects a second, and a second of the thread's processor time."""
    space.add(task(0))  # the type is registered, the feed is open
    start, of_cpu = time.perf_counter(), time.thread_time()
    for first in range(0, len(tasks), STEP):
        space.add_all(tasks[first : first + STEP])
    size = len(tasks)
    return size / (time.perf_counter() - start), size / (time.thread_time() - of_cpu)


def change(space: Space, tasks: list[Task], bare: Bare) -> list[Row]:
    """Commits of one field, through the object; in turns with the bare libraries."""
    del space
    ours: list[float] = []
    theirs: list[float] = []

    def set_priority(i: int) -> None:
        tasks[i * 7 % len(tasks)].priority = i

    for _ in range(BLOCK):
        ours += times_us(set_priority, 250)
        theirs.append(bare.commit_us(250))
    ours.sort()
    theirs.sort()
    base = theirs[BLOCK // 2]
    half = percentile(ours, 0.5)
    beside = f"bare {number(base)} with a signature; 1 : {half / base:.1f}"
    return [
        Row("one-field commit through the object, p50", half, "µs", 120, beside=beside),
        Row("one-field commit through the object, p99", percentile(ours, 0.99), "µs", 1_000),
    ]


def typing(space: Space, bare: Bare) -> list[Row]:
    """A keystroke in a text of an object."""
    page = space.add(Page("A page"))
    page.body.insert(0, "Once upon a time ")
    taken = times_us(lambda i: page.body.insert(17 + i, "x"), 1_000)
    beside = f"bare commit {number(bare.commit_us(300))}"
    return [Row("keystroke in a text", percentile(taken, 0.5), "µs", 150, beside=beside)]


def disk(folder: Path, count: int) -> list[Row]:
    """Bytes on disk: of an object, and of a change of one field."""
    count = min(count, 10_000)
    sizes = []
    for step in range(3):
        with open_vault(folder) as vault:
            space = vault.space(SPACE)
            if step == 1:
                insert_per_s(space, [task(i) for i in range(count)])
            elif step == 2:
                for one in space.all(Task):
                    one.weight = 0.5
        sizes.append(file_bytes(folder))
    return [
        Row("disk per object", (sizes[1] - sizes[0]) / count, "B", 650),
        Row("disk per change of one field", (sizes[2] - sizes[1]) / count, "B", 400),
    ]
