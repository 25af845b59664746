"""What a write said it did is there after `kill -9`, and the others get it.

Rounds: 25; nightly 200.
"""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.console import Console, invite
from tests.person import Person

pytestmark = pytest.mark.end_to_end

WRITER = """
import json, sys
import kithspace as ks

class Entry(ks.Object):
    n: int
    text: str = ""
    tags: list[str] = []
    notes: ks.Text = ks.Text()

vault = ks.open_vault(name="Ana", network=sys.argv[2] == "network")
space = vault.space("Diary")
first = next(iter(space.all(Entry)), None) or space.add(Entry(n=-1))
n = int(sys.argv[1])
while True:
    kind = n % 5
    if kind == 0:
        space.add(Entry(n=n, text="x" * (n * 37 % 3000)))
    elif kind == 1:
        first.text = str(n)
    elif kind == 2:
        first.notes += f"{n},"
    elif kind == 3:
        first.tags.append(str(n))
    else:
        with space.transaction():
            space.add_all([Entry(n=n, text=part) for part in ("a", "b", "c")])
            first.text = str(n)
    print(n, flush=True)
    n += 1
"""
READ = """
vault = ks.open_vault(name="Ana", network=False)
space = vault.space("Diary", create=False)
class Entry(ks.Object):
    n: int
    text: str = ""
    tags: list[str] = []
    notes: ks.Text = ks.Text()
first = space.all(Entry, n=-1).one()
rest = [one.n for one in space.all(Entry) if one.n >= 0]
found = {"texts": first.text, "notes": str(first.notes), "tags": list(first.tags), "rest": rest}
vault.close()
found
"""


def write_and_kill(person: Person, start: int, writes: int, network: str) -> int:
    """Let a process write, kill it after so many writes; return the last that it reported."""
    command = [sys.executable, "-c", WRITER, str(start), network]
    with subprocess.Popen(
        command, env=person.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for _ in range(writes):
            said = process.stdout.readline()
        process.kill()
        said += process.stdout.read()
    # What comes after the last line end was cut off, and was not reported.
    whole = said.rpartition("\n")[0].rpartition("\n")[2]
    return int(whole) if whole else start - 1


def check(person: Person, reported: int) -> int:
    """Every reported write is there, and nothing is half there; return the number of the next."""
    with Console(person) as reader:
        found = reader.do(READ)
    assert isinstance(found, dict)
    last = max(
        [int(found["texts"] or -1), *found["rest"], -1]
        + [int(tag) for tag in found["tags"][-1:]]
        + [int(note) for note in found["notes"].split(",")[-2:-1]]
    )
    assert reported <= last <= reported + 1
    numbers = range(last + 1)
    added = [n for n in numbers for _ in range({0: 1, 4: 3}.get(n % 5, 0))]
    assert sorted(found["rest"]) == added
    assert found["texts"] == str(max((n for n in numbers if n % 5 in (1, 4)), default=""))
    assert found["notes"] == "".join(f"{n}," for n in numbers if n % 5 == 2)
    assert found["tags"] == [str(n) for n in numbers if n % 5 == 3]
    return int(last) + 1


def kill_in_rounds(folder: Path, rounds: int) -> None:
    ana, ben = Person("ana", folder), Person("ben", folder)
    with (
        Console(ana, "vault = ks.open_vault(name='Ana')") as home,
        Console(ben, "vault = ks.open_vault(name='Ben')") as away,
    ):
        invite(home, away, "Diary")
    moments = random.Random(rounds)  # noqa: S311 - when to kill, and with whom
    next_ = 0
    for round_ in range(rounds):
        writes = moments.choice([0, 1, 2, moments.randrange(40), moments.randrange(200)])
        if round_ % 5 != 4:
            next_ = (
                check(ana, write_and_kill(ana, next_, writes, "alone")) if next_ or writes else 0
            )
            continue
        with Console(ben, "vault = ks.open_vault(name='Ben')") as away:
            next_ = check(ana, write_and_kill(ana, next_, writes, "network"))
            converge(ana, away)


def converge(ana: Person, away: Console) -> None:
    """Ana opens again; Ben has what she has, and she what he writes."""
    with Console(ana, "vault = ks.open_vault(name='Ana')") as home:
        home.do("space = vault.space('Diary', create=False)")
        away.do("space = vault.space('Diary', create=False)")
        mark = away.do("space.add(Task('from Ben')).id")
        assert home.do(f"until(lambda: any(one.id == {mark!r} for one in space.all(Task)))")
        everything = "{o.id: ks.to_dict(o, unknown=True) for o in space.all('entry')}"
        mine = home.do(everything)
        away.do(f"mine = json.loads({json.dumps(mine)!r})")
        assert away.do(f"until(lambda: {everything} == mine)"), "not the same"


@pytest.mark.timeout(300)
def test_f1_no_write_that_returned_is_lost_to_25_kills(tmp_path: Path) -> None:
    kill_in_rounds(tmp_path, 25)


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
def test_f1_no_write_that_returned_is_lost_to_200_kills(tmp_path: Path) -> None:
    kill_in_rounds(tmp_path, 200)
