"""What does it cost to start?"""

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Row, median, number

REPEATS = 7


def measure() -> list[Row]:
    """Processes that import, or show their help, with one that does nothing beside."""
    kith = Path(sys.executable).with_name("kith")
    python = run_ms([sys.executable, "-c", "pass"])
    imported = run_ms([sys.executable, "-c", "import kithspace"])
    beside = f"bare python {number(python)}"
    rows = [Row("`import kithspace`, python left out", imported - python, "ms", 150, beside=beside)]
    if kith.exists():
        rows.append(Row("`kith --help`", run_ms([str(kith), "--help"]), "ms", 200, beside=beside))
    return rows


def run_ms(command: list[str]) -> float:
    """How long a process takes; the median."""
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own
        taken.append((time.perf_counter() - start) * 1000)
    return median(taken)
