"""What is measured on? Vaults of tasks in a temporary folder, each process with its own home."""

import os
from collections.abc import Mapping
from pathlib import Path

import kithspace as ks

SPACE = "Benchmarks"
STEP = 1_000


class Task(ks.Object):
    """About 180 bytes."""

    title: str
    done: bool = False
    priority: int = ks.field(default=1, index=True)
    owner: str = ""
    notes: str = ""
    weight: float = 0.0


class Page(ks.Object):
    """Something to type in."""

    title: str
    body: ks.Text = ks.Text()


def task(i: int) -> Task:
    """The i-th task; 12 in 100 are open and important."""
    return Task(
        f"Task number {i} of the benchmark",
        done=i % 3 != 0,
        priority=i % 5,
        owner=f"person {i % 17}",
        notes="What has to be done, by whom, and until when.",
        weight=i / 7,
    )


def homes(folder: Path) -> Mapping[str, str]:
    """Environment variables that keep everything of a process within a folder."""
    return {
        "KITH_RUNTIME": str(folder / "runtime"),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        **{
            f"XDG_{kind}": str(folder / kind.lower())
            for kind in ("CONFIG_HOME", "STATE_HOME", "DATA_HOME", "CACHE_HOME", "RUNTIME_DIR")
        },
    }


def settle_in(folder: Path) -> None:
    """Let this process, and those that it starts, live in a folder; they find bytecode there."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(homes(folder))


def open_vault(folder: Path, *, network: bool = False) -> ks.Vault:
    """Open a vault, or make it."""
    return ks.open_vault(folder, network=network)


def fill(space: ks.Space, count: int) -> None:
    """Add tasks."""
    for start in range(0, count, STEP):
        space.add_all([task(i) for i in range(start, min(start + STEP, count))])


def file_bytes(folder: Path) -> int:
    """What a vault takes on disk; it has to be closed."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
