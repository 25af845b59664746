"""How is a run written down? With the machine, the versions, the date, and every miss."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Table, number

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
_LIBRARIES = ("apsw-sqlite3mc", "pynacl", "cbor2", "msgspec", "pycrdt", "websockets")


def write(table: Table) -> None:
    """Write the page."""
    missed = [row for row in table.rows if not row.is_met]
    sign, verify, commit = table.calibration
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    page = f"""# Benchmarks

Written by `python -m benchmarks`; every figure is of one run, the misses included.

An encrypted vault, tasks of six fields and about 180 bytes, all checks in place. Beside a figure
stands what the bare libraries take for the same bytes in the same run (libsodium, and SQLite with
the same cipher): machines differ and are shared, so look at the ratio first.

| | |
| --- | --- |
| date | {datetime.now(UTC):%Y-%m-%d %H:%M} UTC |
| machine | {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()} |
| load before and after | {table.load_before:.1f} and {os.getloadavg()[0]:.1f} |
| Python | {platform.python_version()} |
| libraries | {libraries} |
| calibration | sign {number(sign)} µs, verify {number(verify)} µs, seal + sign + hash + commit \
{number(commit)} µs |
| targets met | {len(table.rows) - len(missed)} of {len(table.rows)} |

{table.markdown()}

## Missed

{misses(table)}
"""
    PAGE.write_text(page, "utf-8")
    print(f"\n{PAGE} is written; {len(missed)} of {len(table.rows)} targets are missed.")


def misses(table: Table) -> str:
    """A line for each target that was not met, the farthest first."""
    missed = sorted((row for row in table.rows if not row.is_met), key=lambda row: -row.distance)
    lines = [
        f"- {row.what}: {number(row.figure)} {row.unit}, {row.distance:.1f} times the target"
        if row.least_is_best
        else f"- {row.what}: {number(row.figure)} {row.unit}, 1/{row.distance:.1f} of the target"
        for row in missed
    ]
    return "\n".join(lines) or "None."


def processor() -> str:
    """The processor's name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("ascii", "replace").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
