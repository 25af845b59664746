"""A program of a person's own, in a process of its own, that does what a test tells it.

Every line that it reads is Python, as JSON text; every line that it answers is what came of it.
"""

import json
import select
import subprocess
import sys
from typing import IO, Self

import pytest

from tests.person import Person

PROGRAM = """
import ast, json, sys, time
import kithspace as ks

class Task(ks.Object):
    title: str = ""
    n: int = 0
    tags: list[str] = []
    notes: ks.Text = ks.Text()
    votes: ks.Counter = ks.Counter()

def run(source):
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<told>", "exec"), globals())
    return None if last is None else eval(
        compile(ast.Expression(last.value), "<told>", "eval"), globals()
    )

def until(look, seconds=30):
    end = time.monotonic() + seconds
    while not look():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True

print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    try:
        answer = {"value": run(json.loads(line))}
    except Exception as error:
        code = getattr(error, "code", "")
        answer = {"error": type(error).__name__, "code": code, "text": str(error)}
    print(json.dumps(answer, default=str), flush=True)
"""


class Told(Exception):
    """The program raised an error."""

    def __init__(self, answer: dict[str, str]) -> None:
        super().__init__(f"{answer['error']}: {answer['text']}")
        self.kind = answer["error"]
        self.code = answer["code"]
        self.text = answer["text"]


class Console:
    """A running program; a context manager that ends it.

    Args:
        person: Whose.
        start: What it does first.
    """

    def __init__(self, person: Person, start: str = "") -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", PROGRAM],
            env=person.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == "ready"
        if start:
            self.do(start)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def do(self, source: str) -> object:
        """Run lines; return the value of the last expression. `Told` if they raise."""
        self.begin(source)
        return self.end()

    def begin(self, source: str) -> None:
        """Run lines without waiting for them."""
        self._stream(self._process.stdin).write(json.dumps(source) + "\n")
        self._stream(self._process.stdin).flush()

    def end(self) -> object:
        """Wait for what was begun."""
        answer = self._read()
        assert isinstance(answer, dict)
        if "error" in answer:
            raise Told(answer)
        return answer["value"]

    def fails(self, source: str) -> Told:
        """Run lines that raise an error of ours; return it."""
        with pytest.raises(Told) as raised:
            self.do(source)
        assert raised.value.code, raised.value
        return raised.value

    def _read(self) -> object:
        stream = self._stream(self._process.stdout)
        ready, _, _ = select.select([stream], [], [], 55)
        assert ready, "no answer"
        line = stream.readline()
        assert line, f"ended with {self._process.wait(10)}"
        return json.loads(line)

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self._process.kill()
        self._finish()

    def close(self) -> None:
        """Let it end by itself; any number of times."""
        if self._process.poll() is None:
            self._stream(self._process.stdin).close()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise
        self._finish()

    def _finish(self) -> None:
        self._process.wait(20)
        for stream in (self._process.stdin, self._process.stdout):
            self._stream(stream).close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def invite(inviter: Console, joiner: Console, space: str, role: str = "writer") -> None:
    """Let a vault join another's space; both consoles have `vault`, and get `space`."""
    code = inviter.do(f"space = vault.space({space!r}); space.invite({role!r}).code")
    joiner.do(f"space = vault.join({code!r}).result(30); space.synced().result(30)")
