"""A user's program passes mypy --strict and pyright, and what is wrong in one is found by both."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TEN_LINES = """\
import kithspace as ks

class Task(ks.Object):
    title: str

vault = ks.open_vault(name="Ana")
space = vault.space("Groceries")
space.all(Task).watch(print)
milk = space.add(Task("Milk"))
milk.title = "Oat milk"
print(space.invite().code)
vault.run()
"""

FIELDS = """\
import asyncio
import enum
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, assert_type
from uuid import UUID

import kithspace as ks


class Status(enum.Enum):
    OPEN = "open"
    DONE = "done"


class Address(ks.Record):
    street: str
    city: str = ""


class Person(ks.Object):
    name: str


class Task(ks.Object, type="org.example.task", version=2):
    title: str = ks.field(index=True, text=True)
    done: bool = False
    priority: int = ks.field(default=1, index=True, was="rank", doc="1 to 5")
    hours: float = 0.0
    raw: bytes = b""
    due: datetime | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta = timedelta()
    price: Decimal = Decimal()
    key: UUID | None = None
    status: Status = Status.OPEN
    size: Literal["s", "m"] = "s"
    tags: set[str] = set()
    lines: list[list[int]] = ks.field(factory=list)
    counts: dict[str, int] = ks.field(factory=dict)
    at: Address | None = None
    owner: Person | None = None
    link: ks.Ref[Person] | None = None
    votes: ks.Counter = ks.Counter()
    notes: ks.Text = ks.Text()
    extra: Any = None
    hidden: str = ks.field(default="", kw_only=True)


space = ks.open_vault(":memory:", name="Ana").space("Groceries")
ana = space.add(Person("Ana"))
with space.transaction("first tasks"):
    milk = space.add(Task("Milk", True, priority=2, owner=ana, hidden="x"))
assert_type(milk, Task)
milk.tags.add("dairy")
milk.votes += 1
milk.notes.insert(0, "2 litres")
milk.notes += "!"
milk.at = Address("Main Street", city="Rome")
milk.at.city = "Oslo"
milk.link = ks.ref(ana)
milk.due = datetime.now(UTC)
todo = space.all(Task, done=False, priority__ge=2, owner__name="Ana").order_by("-priority")
assert_type(todo, ks.Results[Task])
assert_type(todo.first(), Task | None)
assert_type(todo[0], Task)
assert_type(todo[:10], Sequence[Task])
assert_type(space.get(Task, milk.id), Task)
assert_type(milk.link.get(), Person | None)
same = space.all(Task, {"done": False, "priority": {"ge": 2}}).limit(20, offset=1)
for task in same:
    print(task.title.upper(), milk in todo, len(todo))
print([(c.field, c.value, [o.who for o in c.others]) for c in milk.conflicts])
print(milk.meta.created, milk.meta.by, space.status.words, ks.to_dict(milk)["title"])


def told(change: ks.Change[Task]) -> None:
    for one in change.added:
        print(one.title, change.who, change.first)


with todo.watch(told, now=False), ks.watch(milk, print):
    milk.done = True
for member in space.members:
    member.change_role("reader")
pending: ks.Pending[ks.Space] = ks.open_vault(name="Ben").join("7-marble-salad-tiger")


async def main() -> None:
    joined = await pending
    async for change in joined.all(Task):
        assert_type(change, ks.Change[Task])


asyncio.run(main())
"""

WRONG = """\
import kithspace as ks

class Task(ks.Object):
    title: str
    priority: int = 1

task = Task()
task = Task("Milk", priority="high")
task.priority = "high"
task.prioritty = 2
Task(titel="Milk")
"""
WRONG_LINES = {7, 8, 9, 10, 11}


def mypy(program: Path) -> subprocess.CompletedProcess[str]:
    cache = program.parent / "cache"
    options = ["--strict", "--no-error-summary", f"--cache-dir={cache}", "--follow-imports=silent"]
    return subprocess.run(  # noqa: S603 - our own tools
        [sys.executable, "-m", "mypy", *options, str(program)],
        capture_output=True,
        text=True,
        check=False,
        cwd=program.parent,
    )


def pyright(program: Path) -> subprocess.CompletedProcess[str]:
    command = shutil.which("pyright", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("pyright is not installed")
    return subprocess.run(  # noqa: S603 - our own tools
        [command, "--pythonpath", sys.executable, str(program)],
        capture_output=True,
        text=True,
        check=False,
        cwd=program.parent,
    )


Check = Callable[[Path], subprocess.CompletedProcess[str]]
CHECKERS = pytest.mark.parametrize("check", [mypy, pyright], ids=["mypy", "pyright"])


@pytest.mark.timeout(300)
@CHECKERS
@pytest.mark.parametrize("program", [TEN_LINES, FIELDS], ids=["ten lines", "all fields"])
def test_a_right_program_passes(check: Check, program: str, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(program, "utf-8")
    result = check(file)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.timeout(300)
@CHECKERS
def test_each_wrong_line_is_found(check: Check, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(WRONG, "utf-8")
    found = {
        int(line.split(":")[1])
        for line in check(file).stdout.splitlines()
        if "error" in line and line.strip().count(":") > 1
    }
    assert found == WRONG_LINES
