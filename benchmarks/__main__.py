"""`python -m benchmarks`: measure everything, and write `docs/benchmarks.md`.

`--quick` tries everything with fewer objects and writes nothing.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Table
from benchmarks.report import write


def main(arguments: list[str]) -> None:
    """Measure."""
    is_quick = "--quick" in arguments
    table = Table()
    with tempfile.TemporaryDirectory(prefix="kith-benchmarks-") as name:
        measure(table, Path(name), is_quick=is_quick)
    if not is_quick:
        write(table)


def measure(table: Table, folder: Path, *, is_quick: bool) -> None:
    """Measure into a table, within a folder."""
    from benchmarks import world  # noqa: PLC0415 - the folder has to be the home before

    world.settle_in(folder / "home")
    from benchmarks import exchanging, reading, starting, writing  # noqa: PLC0415
    from benchmarks.bare import Bare  # noqa: PLC0415

    bare = Bare(folder / "bare.db")
    table.calibrate(bare.sign_us(), bare.verify_us(), bare.commit_us())
    sizes = (2_000,) if is_quick else (10_000, 100_000)
    for size in sizes:
        vault = folder / f"vault-{size}"
        table.add(*writing.measure(vault, bare, size))
        table.add(*reading.measure(vault, bare, size))
    few = 2_000 if is_quick else 5_000
    table.add(*exchanging.measure(folder, bare, few))
    edits = 50 if is_quick else 300
    table.add(*exchanging.two_processes(folder, sizes[0], edits))
    table.add(*starting.measure())
    bare.close()


if __name__ == "__main__":
    main(sys.argv[1:])
