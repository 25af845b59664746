"""The main job: `kith demo`, by itself and with keys from a pseudo-terminal (U2)."""

import contextlib
import os
import pty
import re
import select
import signal
import sys
from pathlib import Path

import pytest

from tests.person import KITH, Person

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]


def test_auto_ends_with_both_sides_identical_and_names_both_people(tmp_path: Path) -> None:
    said = Person("ana", tmp_path).type("demo", "--auto")
    assert re.search(r"“Whole milk” \(Ben .*\) is shown; also “Oat milk” \(Ana .*\)", said)
    assert said.count("same after") == 6


def test_the_source_is_a_program(tmp_path: Path) -> None:
    compile(Person("ana", tmp_path).type("demo", "--source"), "demo", "exec")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_u2_keys_cut_edit_join_keep_and_quit(tmp_path: Path) -> None:
    person = Person("ana", tmp_path)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(KITH[0], [*KITH, "demo"], {**person.environment, "TERM": "xterm"})
    try:
        screen = Screen(terminal)
        screen.wait_for("same after")
        for key, sign in (("c", "cut off"), ("e", "Bread"), ("j", "is shown; also")):
            screen.press(key)
            screen.wait_for(sign)
        screen.press("k")
        screen.wait_until_gone("is shown; also")
        screen.press("q")
        screen.read_to_the_end()
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0


class Screen:
    """What a terminal shows, as far as a test needs it: what came since the last key."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal
        self._seen = ""

    def press(self, key: str) -> None:
        self._seen = ""
        os.write(self._terminal, key.encode())

    def wait_for(self, sign: str) -> None:
        while sign not in self._seen:
            self._read()

    def wait_until_gone(self, sign: str) -> None:
        """Until a whole picture came without the sign."""
        while True:
            pictures = self._seen.split("c cut")
            if any("Ana" in picture and sign not in picture for picture in pictures[1:-1]):
                return
            self._read()

    def read_to_the_end(self) -> None:
        """Until nobody writes any more; a terminal that nobody reads stops who writes to it."""
        with contextlib.suppress(OSError):  # Linux says so when the last writer has gone
            while self._read():
                pass

    def _read(self) -> bool:
        ready, _, _ = select.select([self._terminal], [], [], 40)
        assert ready, self._seen
        read = os.read(self._terminal, 65_536)
        self._seen += read.decode(errors="replace")
        return bool(read)
