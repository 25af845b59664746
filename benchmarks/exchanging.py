"""What does it cost to take in what others wrote?"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from benchmarks.bare import Bare
from benchmarks.measure import Row, number, percentile
from benchmarks.world import homes
from kithspace.adapters.disk.store import Session, SqliteStore
from kithspace.adapters.memory_store import MemoryStore
from kithspace.adapters.system import system_entropy
from kithspace.core.ids import ObjectId
from kithspace.core.object_id import shared_object_id
from kithspace.core.roles import Role
from kithspace.core.state import WireBlock
from kithspace.core.value import ROOT
from kithspace.ports import Draft, DraftObject, DraftWrite, Store
from kithspace.runtime.engine import Engine
from kithspace.runtime.space_exchange import EngineExchange
from kithspace.testing.founding import Founded, found_space
from kithspace.testing.simulated_time import START_MS

AUTHORS = 100
MESSAGE = 250


class _ClockOfTheFounding:
    """Goes on from when the space was founded: its key is new, and nobody makes another."""

    def now_ms(self) -> int:
        return START_MS + 1_000 + self.monotonic_ms()

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 - _BEGAN_MS


_BEGAN_MS = time.monotonic_ns() // 1_000_000


class Writer:
    """One member's copy of a space, without a network."""

    def __init__(self, founded: Founded, place: int, store: Store) -> None:
        store.commit(founded.rows[place])
        self.engine = Engine(
            founded.space,
            store,
            founded.authors[place],
            _ClockOfTheFounding(),
            system_entropy,
            _sleep_on,
        )
        self.exchange = EngineExchange(founded.space, self.engine)

    def add(self, i: int) -> ObjectId:
        """Commit a new object."""
        made = shared_object_id(system_entropy)
        fields = ("done", False, "priority", i % 5, "title", f"Task number {i}")
        self._commit(DraftObject(made, 0, 1, None, (DraftWrite((), (ROOT, "task", fields)),)))
        return made

    def change(self, object_id: ObjectId, i: int) -> None:
        """Commit a change of one field."""
        base = self.engine.document(object_id)
        self._commit(DraftObject(object_id, 0, 1, base, (DraftWrite(("priority",), i),)))

    def _commit(self, part: DraftObject) -> None:
        self.engine.commit(Draft("benchmark", (part,)))

    def blocks(self) -> list[WireBlock]:
        """Everything it wrote, as it would be sent."""
        self.engine.release()
        found: list[WireBlock] = []
        for leaf in self.exchange.feed_leaves():
            while len(found) < leaf.length:
                found += self.exchange.blocks(leaf.feed, len(found), leaf.length)
        return found

    def take(self, blocks: Sequence[WireBlock]) -> None:
        """Take in one message."""
        refused = self.exchange.receive_blocks(blocks, None).refused
        assert not refused


def _sleep_on() -> None:
    """Nobody has to be woken."""


def measure(folder: Path, bare: Bare, count: int) -> list[Row]:
    """Blocks of others, with all checks, onto the disk."""
    return [*runs(folder, bare, count), *authors(folder, bare, count // AUTHORS)]


def disk_store(path: Path) -> SqliteStore:
    """A new encrypted file."""
    session = Session(os.urandom(16), os.urandom(16))
    return SqliteStore(path, os.urandom(32), vault="benchmark", session=session)


def runs(folder: Path, bare: Bare, count: int) -> list[Row]:
    """Changes of one field by one author, in runs of 250 that end at a signature."""
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    ana = Writer(founded, 1, MemoryStore())
    made = [ana.add(i) for i in range(min(count // 4, 1_000))]
    for i in range(count - len(made)):
        ana.change(made[i * 7 % len(made)], i)
        if i % MESSAGE == 0:
            ana.engine.release()
    blocks = ana.blocks()
    ben = Writer(founded, 0, disk_store(folder / "runs.db"))
    per_s = taken_per_s(ben, messages(blocks))
    ben.engine.store.close(clean=True)
    return [beside("apply remote blocks, runs", per_s, 10_000, bare)]


def authors(folder: Path, bare: Bare, rounds: int) -> list[Row]:
    """A new author with each block, so that every signature is checked."""
    founded = found_space((Role.ADMIN, *[Role.WRITER] * AUTHORS), (1,) * (AUTHORS + 1))
    feeds = []
    for place in range(1, AUTHORS + 1):
        author = Writer(founded, place, MemoryStore())
        for i in range(rounds + 1):
            author.add(i)
            author.engine.release()
        feeds.append(author.blocks())
    ben = Writer(founded, 0, disk_store(folder / "authors.db"))
    ben.take([block for feed in feeds for block in feed[:2]])
    per_s = taken_per_s(ben, [[feed[at] for feed in feeds] for at in range(2, rounds + 2)])
    ben.engine.store.close(clean=True)
    return [beside("apply remote blocks, a new author each", per_s, 5_000, bare)]


def messages(blocks: Sequence[WireBlock]) -> list[list[WireBlock]]:
    """Cut a feed into messages of about 250 blocks, each up to a signed block."""
    found: list[list[WireBlock]] = [[]]
    for block in blocks:
        found[-1].append(block)
        if block[2] is not None and len(found[-1]) >= MESSAGE // 2:
            found.append([])
    return [message for message in found if message]


def taken_per_s(ben: Writer, parts: Sequence[Sequence[WireBlock]]) -> float:
    """Blocks a second."""
    before = ben.engine.changed
    start = time.perf_counter()
    for part in parts:
        ben.take(part)
    assert ben.engine.changed > before
    return sum(map(len, parts)) / (time.perf_counter() - start)


def beside(what: str, per_s: float, target: float, bare: Bare) -> Row:
    """A row, with the bare libraries beside it."""
    base = bare.blocks_per_s()
    words = f"bare {number(base)}, one signature in 250; 1 : {base / per_s:.1f}"
    return Row(what, per_s, "blocks/s", target, least_is_best=False, beside=words)


# ---------------------------------------------------------------- two processes


class Process:
    """A child with pipes."""

    def __init__(self, home: Path, runtime: Path, does: str, *more: str) -> None:
        environment = {**os.environ, **homes(home), "KITH_RUNTIME": str(runtime)}
        command = [sys.executable, "-m", "benchmarks.child", does, str(home / "vault"), *more]
        self._process = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def order(self, line: str) -> None:
        """Write a line to it."""
        _pipe(self._process.stdin).write(line + "\n")
        _pipe(self._process.stdin).flush()

    def hear(self) -> dict[str, object]:
        """The next that it says."""
        return dict(json.loads(_pipe(self._process.stdout).readline()))

    def end(self) -> None:
        """Let it end."""
        _pipe(self._process.stdin).close()
        self._process.wait(30)
        _pipe(self._process.stdout).close()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def two_processes(folder: Path, count: int, edits: int) -> list[Row]:
    """Ana has tasks; Ben joins by a code, over WebSockets on this computer."""
    ana = Process(folder / "ana", folder / "meeting", "share", str(count))
    told = ana.hear()
    ben = Process(folder / "ben", folder / "meeting", "join", str(count), str(told["code"]))
    found = ben.hear()
    taken = sorted(edit_ms(ana, ben, i) for i in range(edits))
    ben.end()
    ana.end()
    figures = {name: float(str(value)) for name, value in found.items()}
    joined = f"of it {number(figures['joined'])} s to join"
    return [
        Row(f"replicate {count:,} objects", figures["all"], "s", 0.6, beside=joined),
        Row(f"replicate {count:,} objects, received", figures["mb"], "MB", 1.5),
        Row("edit seen in the other process, p50", percentile(taken, 0.5), "ms", 1.5),
        Row("edit seen in the other process, p99", percentile(taken, 0.99), "ms", 5),
    ]


def edit_ms(ana: Process, ben: Process, i: int) -> float:
    """From before Ana's write to Ben's callback; both read the system's monotonic clock."""
    ana.order(f"edit {i}")
    wrote = ana.hear()["at"]
    saw = ben.hear()["at"]
    time.sleep(0.02)  # the next one finds both idle
    return (int(str(saw)) - int(str(wrote))) / 1e6
