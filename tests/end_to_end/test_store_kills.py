"""F1: what a process was told is written is there after `kill -9`, and only whole commits.

Rounds: 20; `KITH_KILL_ROUNDS` asks for more.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kithspace.adapters.disk import Session, SqliteStore

ROUNDS = int(os.environ.get("KITH_KILL_ROUNDS", "20"))
LONGEST_COMMITS = 400

WRITER = """
import sys, threading
from pathlib import Path
from kithspace.adapters.disk import Session, SqliteStore
from kithspace.core.effects import PutBlock, PutFeed, PutObject, PutTouched
store = SqliteStore(Path(sys.argv[1]), bytes(range(32)), vault="Ana",
                    session=Session(b"instance", b"boot"))
feed = store.state().feed(1)
n = feed.length if feed else 1
def sync():
    while True:
        store.sync()
threading.Thread(target=sync, daemon=True).start()
while True:
    rows = [
        PutBlock(1, n, b"clear", None, b"%d" % n + bytes(n * 37 % 6000)),
        PutObject(n % 50 + 1, (n % 50 + 1).to_bytes(16, "big"), 1, 1, 1, '{"n":%d}' % n, b""),
        PutTouched(n % 50 + 1, 1 << 32 | n),
        PutFeed(1, bytes(32), None, n + 1, n + 1, 0, 0, 1, b"%032d" % n, n, b"opening", b"sig"),
    ]
    store.commit(rows)
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
    n += 1
"""


def kill_one_writer(path: Path, commits: int) -> int:
    """Let a process write, kill it after so many commits, return the last one it reported."""
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        last = ""
        for _ in range(commits):
            last = process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    # What comes after the last line end was cut off, and was not reported.
    return int((last + rest).rpartition("\n")[0].rpartition("\n")[2])


@pytest.mark.end_to_end
@pytest.mark.timeout(600)
def test_f1_no_returned_commit_is_lost_and_none_is_half_there(tmp_path: Path) -> None:
    path = tmp_path / "space.db"
    moments = random.Random(ROUNDS)  # noqa: S311 - when to kill, and how to close
    for _ in range(ROUNDS):
        reported = kill_one_writer(path, moments.randrange(1, LONGEST_COMMITS))
        store = SqliteStore(
            path, bytes(range(32)), vault="Ana", session=Session(b"instance", b"boot")
        )
        assert not store.is_doubtful
        check_whole(store, reported)
        store.close(clean=moments.random() < 0.5)


def check_whole(store: SqliteStore, reported: int) -> None:
    state = store.state()
    feed = state.feed(1)
    assert feed is not None
    last = feed.length - 1
    assert last >= reported
    assert [block.seq for block in state.blocks(1, 1, last + 2)] == list(range(1, last + 1))
    block = state.block(1, last)
    assert block is not None
    assert block.body.startswith(b"%d" % last)
    touched = state.object(last % 50 + 1)
    assert touched is not None
    assert touched.doc == f'{{"n":{last}}}'
    assert (1 << 32 | last) in state.touched(last % 50 + 1)
