"""Two real processes, with disks and sockets, meet, lose each other, and converge."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end
ROOT = Path(__file__).parents[2]


class Process:
    """One vault in a process of its own."""

    def __init__(self, name: str, folder: Path) -> None:
        self._arguments = (name, str(folder / name), str(folder))
        (folder / name).mkdir(exist_ok=True)
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.peer_process", *self._arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"

    def do(self, *command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> str:
        assert self._process.stdout is not None
        return str(json.loads(self._process.stdout.readline() or '"ended"'))

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._end()

    def close(self) -> None:
        if self._process.poll() is None:
            self.do("quit")
            self._end()

    def _end(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.wait(10)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Process, Process]]:
    both = Process("Ana", tmp_path), Process("Ben", tmp_path)
    yield both
    for one in both:
        one.close()


def test_two_processes_share_a_space_through_a_kill(pair: tuple[Process, Process]) -> None:
    ana, ben = pair
    code = ana.do("make")
    milk = ana.do("add", "Milk")
    assert ben.do("join", code) == "Groceries"
    assert ben.do("wait", milk, "title", "Milk") == "seen"
    ben.do("set", milk, "title", "Oat milk")
    assert ana.do("wait", milk, "title", "Oat milk") == "seen"

    ben.kill()
    ana.do("set", milk, "title", "Soy milk")
    ben.start()
    assert ben.do("wait", milk, "title", "Soy milk") == "seen"
    ben.do("set", milk, "shop", "corner")
    assert ana.do("wait", milk, "shop", "corner") == "seen"


def test_both_write_while_apart_and_converge(pair: tuple[Process, Process]) -> None:
    ana, ben = pair
    code = ana.do("make")
    milk = ana.do("add", "Milk")
    ben.do("join", code)
    ana.close()
    ben.do("set", milk, "title", "Oat milk")
    ben.close()
    ana.start()
    ana.do("set", milk, "shop", "corner")
    ben.start()
    assert ana.do("wait", milk, "title", "Oat milk") == "seen"
    assert ben.do("wait", milk, "shop", "corner") == "seen"
