"""The API inside a running loop, from many threads, in a forked child, with failing callbacks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.person import Person

pytestmark = pytest.mark.end_to_end
START = """
import asyncio, logging, os, threading, warnings
import kithspace as ks

class Task(ks.Object):
    title: str = ""
    n: int = 0
    tags: list[str] = []
    votes: ks.Counter = ks.Counter()

vault = ks.open_vault(name="Ana")
space = vault.space("Groceries")
"""


def run(person: Person, program: str) -> str:
    """Run a program to its end; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", START + program],
        env=person.environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def ana(tmp_path: Path) -> Person:
    return Person("ana", tmp_path)


def test_a_loop_iterates_over_changes_and_awaits_a_join(ana: Person) -> None:
    said = run(
        ana,
        """
async def main():
    other = ks.open_vault(name="Ben")
    code = space.invite().code
    joined = await other.join(code)
    async def follow():
        async for change in joined.all(Task):
            for task in change.added:
                print("saw", task.title)
            if len(change.results) == 3:
                return
    following = asyncio.create_task(follow())
    for n in range(3):
        space.add(Task(f"task {n}"))
        await asyncio.sleep(0)
    await asyncio.wait_for(following, 30)
    status = await joined.synced(20)
    print("in sync", status.in_sync)
    ending = asyncio.create_task(end_with_the_vault(joined))
    await asyncio.sleep(0)
    other.close()
    await asyncio.wait_for(ending, 10)

async def end_with_the_vault(joined):
    async for change in joined.all(Task):
        pass
    print("ended")

asyncio.run(main())
""",
    )
    assert said.splitlines()[:3] == ["saw task 0", "saw task 1", "saw task 2"]
    assert "in sync True" in said
    assert "ended" in said


def test_ten_threads_write_a_hundred_times_each(ana: Person) -> None:
    said = run(
        ana,
        """
shared = space.add(Task("shared"))
def write(number):
    for n in range(100):
        kind = n % 4
        if kind == 0:
            space.add(Task(f"{number} {n}"))
        elif kind == 1:
            shared.votes += 1
        elif kind == 2:
            shared.tags.append(f"{number} {n}")
        else:
            with space.transaction():
                shared.n = shared.n + 1
                len(space.all(Task))
threads = [threading.Thread(target=write, args=(n,)) for n in range(10)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(space.all(Task)), shared.votes, len(shared.tags), len(set(shared.tags)), shared.n)
vault.close()
vault = ks.open_vault(name="Ana")
space = vault.space("Groceries")
shared = space.all(Task, title="shared").one()
print(len(space.all(Task)), shared.votes, len(shared.tags), len(set(shared.tags)), shared.n)
""",
    )
    assert said.split() == ["251", "250", "250", "250", "250"] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_is_told_and_the_parent_goes_on(ana: Person) -> None:
    said = run(
        ana,
        """
task = space.add(Task("Milk"))
warnings.simplefilter("ignore")
child = os.fork()
if child == 0:
    told = []
    for act in (lambda: space.add(Task("x")), lambda: setattr(task, "n", 1),
                lambda: len(space.all(Task)), lambda: vault.space("y")):
        try:
            act()
            told.append("no error")
        except ks.Forked as error:
            told.append(error.code)
    print(told, flush=True)
    os._exit(0)
os.waitpid(child, 0)
task.n = 2
print("parent", task.n, len(space.all(Task)))
""",
    )
    assert said.splitlines()[0] == str(["forked"] * 4)
    assert "parent 2 1" in said


def test_a_callback_that_raises_is_logged_and_the_watch_goes_on(ana: Person) -> None:
    said = run(
        ana,
        """
seen = threading.Event()
def fail(change):
    if len(change.results) == 3:
        seen.set()
    raise ValueError("mine to mend")
with space.all(Task).watch(fail):
    for n in range(3):
        space.add(Task(str(n)))
    print("seen", seen.wait(20))
""",
    )
    assert "seen True" in said
    assert "ValueError: mine to mend" in said


def test_closing_while_others_write_gives_closed_and_loses_nothing(ana: Person) -> None:
    said = run(
        ana,
        """
written, told = [], []
started = threading.Barrier(5)
def write(number):
    started.wait()
    for n in range(100_000):
        try:
            space.add(Task(f"{number} {n}"))
        except ks.Closed as error:
            told.append(error.code)
            return
        written.append(f"{number} {n}")
threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
[thread.start() for thread in threads]
started.wait()
while len(written) < 200:
    pass
vault.close()
[thread.join() for thread in threads]
vault.close()
print(told)
vault = ks.open_vault(name="Ana")
titles = {task.title for task in vault.space("Groceries").all(Task)}
print("lost", len(set(written) - titles))
""",
    )
    assert said.splitlines() == [str(["closed"] * 4), "lost 0"]
