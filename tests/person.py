"""A person with a home folder of their own, who types `kith` on one computer with others."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KITH = (sys.executable, "-c", "from kithspace.cli.main import main; main()")


class Person:
    """Runs `kith` as a process; `computer` is the folder that people on one computer share."""

    def __init__(self, name: str, computer: Path) -> None:
        self.name = name
        self.home = computer / name
        self.environment = {
            **os.environ,
            "HOME": str(self.home),
            "KITH_RUNTIME": str(computer / "runtime"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "NO_COLOR": "1",
        }
        self.home.mkdir(parents=True)

    def start(self, *words: str, stdin: int | None = subprocess.DEVNULL) -> subprocess.Popen[str]:
        """Start `kith`."""
        return subprocess.Popen(
            [*KITH, *words],
            env=self.environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def type(self, *words: str, exit_code: int = 0) -> str:
        """Run `kith` to its end; return what it printed to stdout and stderr."""
        process = self.start(*words)
        out, err = process.communicate(timeout=50)
        assert process.returncode == exit_code, f"kith {' '.join(words)}\n{out}{err}"
        assert "Traceback" not in out + err
        return out + err

    def records(self, *words: str) -> list[dict[str, Any]]:
        """Run `kith … --json`; return what it printed, one record a line."""
        process = self.start(*words, "--json")
        out, err = process.communicate(timeout=50)
        assert process.returncode == 0, f"kith {' '.join(words)}\n{out}{err}"
        return [json.loads(line) for line in out.splitlines()]


def end_well(*processes: subprocess.Popen[str]) -> Sequence[str]:
    """Wait for processes that end by themselves; return what they printed."""
    said = []
    for process in processes:
        out, err = process.communicate(timeout=50)
        assert process.returncode == 0, out + err
        said.append(out + err)
    return said


def introduce(inviter: Person, joiner: Person, space: str, role: str = "writer") -> None:
    """`kith invite` in one process, `kith join` in another."""
    inviting = inviter.start("invite", space, "--role", role, "--json")
    assert inviting.stdout is not None
    code = json.loads(inviting.stdout.readline())["code"]
    joiner.type("join", code)
    end_well(inviting)
