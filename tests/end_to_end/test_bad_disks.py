"""Full, read-only and damaged disks, wrong keys and newer files: a sentence, and nothing lost."""

import itertools
import json
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console import Console, Told, invite
from tests.person import Person

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]
OPEN = "vault = ks.open_vault(name='Ana', network=False)"
SPACE = "space = vault.space('Groceries', create=False)"
TITLES = "sorted(task.title for task in space.all(Task))"


@pytest.fixture
def ana(tmp_path: Path) -> Person:
    person = Person("ana", tmp_path)
    person.type("init", "--name", "Ana")
    person.type("space", "new", "Groceries")
    person.type("add", "Groceries", "task", "title=Milk")
    return person


def vault_folder(person: Person) -> Path:
    (file,) = person.home.rglob("vault.json")
    return file.parent


def contents(folder: Path) -> dict[Path, bytes]:
    """What is in a vault's folder; the lock says who looked last."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path: path.read_bytes() for path in files if path.name != "lock"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MB, where one may mount."""
    place = tmp_path / "disk"
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "none", str(place)]
    if os.name == "nt" or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


def test_a_full_disk_refuses_whole_writes_and_keeps_the_rest(ana: Person, small_disk: Path) -> None:
    vault = small_disk / "vault"
    start = f"vault = ks.open_vault({str(vault)!r}, name='Ana', network=False)"
    with Console(ana, f"{start}; space = vault.space('Groceries')") as program:
        program.do("task = space.add(Task('first', n=0))")
        program.do(
            "written = []\n"
            "def fill():\n"
            "    for n in range(1000):\n"
            "        with space.transaction():\n"
            "            space.add_all([Task(f'{n} {part}' + 'x' * 9000) for part in range(3)])\n"
            "            task.n = n\n"
            "        written.append(n)\n"
        )
        full = program.fails("fill()")
        assert full.code == "disk-full"
        assert full.text.startswith("The disk is full: ")
        count = program.do("len(written)")
        assert program.do("task.n") == program.do("written[-1]")
        assert program.do("len(space.all(Task))") == 3 * int(str(count)) + 1
        again = program.fails("fill()")
        assert again.code == "disk-full"
        count = program.do("len(written)")
        program.do("vault.close()")
    ana.environment["KITH_VAULT"] = str(vault)
    said = ana.type("add", "Groceries", "task", f"title={'y' * 100_000}", exit_code=1)
    assert "The disk is full" in said
    remount(small_disk, "size=30m")
    ana.type("add", "Groceries", "task", f"title={'y' * 100_000}")
    with Console(ana, f"{start}; {SPACE}") as program:
        assert program.do("len(space.all(Task))") == 3 * int(str(count)) + 2


def test_a_full_disk_at_making_a_vault(ana: Person, small_disk: Path) -> None:
    (small_disk / "filling").write_bytes(bytes(2_900_000))
    place = small_disk / "vault"
    source = f"ks.open_vault({str(place)!r}, name='Cy', network=False).space('S').name"
    for left in (200_000, 100_000, 50_000, 10_000, 0):
        (small_disk / "more").write_bytes(b"")
        free = shutil.disk_usage(small_disk).free
        (small_disk / "more").write_bytes(bytes(max(free - left, 0)))
        with Console(ana) as program:
            try:
                made = program.do(source)
            except Told as told:
                made = told.code
            assert made in {"S", "disk-full"}, left
    (small_disk / "more").unlink()
    (small_disk / "filling").unlink()
    with Console(ana) as program:
        assert program.do(source) == "S"


def test_a_read_only_folder_is_named(ana: Person, small_disk: Path) -> None:
    place = small_disk / "vault"
    shutil.move(vault_folder(ana), place)
    ana.environment["KITH_VAULT"] = str(place)
    assert len(ana.records("ls", "Groceries", "task")) == 1
    before = contents(place)
    remount(small_disk, "ro")
    said = ana.type("add", "Groceries", "task", "title=Eggs", exit_code=6)
    assert "cannot write" in said
    assert str(place) in said
    assert contents(place) == before
    remount(small_disk, "rw")
    ana.type("add", "Groceries", "task", "title=Eggs")


def test_a_disk_that_turns_read_only_while_in_use(ana: Person, small_disk: Path) -> None:
    place = small_disk / "vault"
    shutil.move(vault_folder(ana), place)
    start = f"vault = ks.open_vault({str(place)!r}, network=False); {SPACE}"
    with Console(ana, start) as program:
        program.do("task = space.all(Task).one(); task.n = 1")
        subprocess.run(["sync"], check=True)
        if subprocess.run(
            ["mount", "-o", "remount,ro", str(small_disk)], capture_output=True, check=False
        ).returncode:
            pytest.skip("this system does not remount a disk in use")
        refused = program.fails("task.n = 2")
        assert refused.code in {"vault-locked", "disk-full"}
        assert program.do("task.n") == 1
        remount(small_disk, "rw")
        program.do("task.n = 3")
        assert program.do("task.n") == 3


def pages_to_damage(size: int) -> list[int]:
    dice = random.Random(size)  # noqa: S311 - where to damage
    return [0, 100, size // 2, size - 3, *(dice.randrange(size) for _ in range(5))]


@pytest.mark.parametrize("which", ["vault.db", "spaces/*.db"])
def test_a_damaged_file_is_told_or_does_no_harm(ana: Person, which: str) -> None:
    with Console(ana, f"{OPEN}; {SPACE}") as program:
        program.do("space.add_all([Task(f't{n}') for n in range(300)])")
    folder = vault_folder(ana)
    before = contents(folder)
    for file in folder.glob(which):
        whole = file.read_bytes()
        told = 0
        for place in pages_to_damage(len(whole)):
            damaged = bytearray(whole)
            for at in range(place, min(place + 8, len(whole))):
                damaged[at] ^= 0x5A
            file.write_bytes(damaged)
            said = ana.start("ls", "Groceries", "task", "--json")
            out, err = said.communicate(timeout=50)
            assert "Traceback" not in out + err
            if said.returncode:
                assert said.returncode == 8, err
                error = json.loads(err)["error"]
                assert error["code"] == "vault-damaged"
                assert "Nothing was changed" in error["message"]
                told += 1
            else:
                assert len(out.splitlines()) == 301
            restore(folder, before)
        if which != "vault.db":
            assert told
    assert len(ana.records("ls", "Groceries", "task")) == 301


def restore(folder: Path, before: dict[Path, bytes]) -> None:
    for path in list(folder.rglob("*")):
        if path.is_file() and path not in before and path.name != "lock":
            path.unlink()
    for path, content in before.items():
        path.write_bytes(content)


def test_files_that_are_cut_short_or_not_ours(ana: Person) -> None:
    folder = vault_folder(ana)
    before = contents(folder)
    wrecks = (b"", b"\n", b"not a database" * 1000, bytes(8192))
    for path, wreck in itertools.product(before, wrecks):
        path.write_bytes(wreck)
        said = ana.start("ls", "Groceries", "task")
        out, err = said.communicate(timeout=50)
        assert "Traceback" not in out + err, (path, wreck[:9], err)
        # An emptied file may come back whole from the write-ahead log beside it.
        is_whole = said.returncode == 0 and "Milk" in out
        assert is_whole or said.returncode in {3, 6, 8}, (path, wreck[:9], out, err)
        restore(folder, before)
    assert len(ana.records("ls", "Groceries", "task")) == 1


def test_a_file_that_is_missing(ana: Person) -> None:
    folder = vault_folder(ana)
    before = contents(folder)
    for path in before:
        path.unlink()
        said = ana.start("ls", "Groceries", "task")
        out, err = said.communicate(timeout=50)
        assert "Traceback" not in out + err, (path, err)
        assert said.returncode in {3, 6, 8}, (path, out, err)
        restore(folder, before)


def test_a_wrong_passphrase(ana: Person, tmp_path: Path) -> None:
    place = str(tmp_path / "locked")
    with Console(ana) as program:
        program.do(f"ks.open_vault({place!r}, passphrase='right', network=False).close()")
        for given in ("'wrong'", "None", "''", "'right '"):
            told = program.fails(f"ks.open_vault({place!r}, passphrase={given}, network=False)")
            assert told.code == "vault-locked"
        program.do(f"ks.open_vault({place!r}, passphrase='right', network=False).close()")
    assert "is locked" in ana.type("space", "ls", "--vault", place, exit_code=6)


def test_a_vault_of_a_newer_version_is_left_as_it_is(ana: Person) -> None:
    folder = vault_folder(ana)
    file = folder / "vault.json"
    record = json.loads(file.read_text())
    number = next(key for key in ("v", "version", "format") if key in record)
    file.write_text(json.dumps({**record, number: record[number] + 1}))
    before = contents(folder)
    said = ana.type("ls", "Groceries", "task", exit_code=6)
    assert "pip install -U kithspace" in said
    assert contents(folder) == before


def test_two_processes_on_one_vault(ana: Person) -> None:
    with Console(ana, f"{OPEN}; {SPACE}") as first:
        with Console(ana) as second:
            told = second.fails(OPEN)
            assert told.code == "vault-in-use"
            assert f"process {first.pid}" in told.text
        assert f"process {first.pid}" in ana.type("ls", "Groceries", exit_code=6)
        first.do("space.add(Task('Eggs'))")
        first.kill()
    with Console(ana, f"{OPEN}; {SPACE}") as after:
        assert after.do(TITLES) == ["Eggs", "Milk"]


def test_a_folder_of_a_moment_before_starts_a_new_feed_and_nobody_diverges(
    ana: Person, tmp_path: Path
) -> None:
    ben = Person("ben", tmp_path)
    online = "vault = ks.open_vault(name={!r})"
    folder, copy = vault_folder(ana), tmp_path / "copy"
    with Console(ben, online.format("Ben")) as away:
        with Console(ana, online.format("Ana")) as home:
            invite(home, away, "Groceries")
            home.do("milk = space.all(Task, title='Milk').one(); milk.n = 1")
            assert away.do("until(lambda: space.all(Task, title='Milk').one().n == 1)")
        shutil.copytree(folder, copy)
        with Console(ana, f"{online.format('Ana')}; {SPACE}") as home:
            home.do("milk = space.all(Task, title='Milk').one()")
            home.do("milk.n = 2; space.add(Task('written and sent'))")
            assert away.do("until(lambda: len(space.all(Task)) == 2)")
        shutil.rmtree(folder)
        shutil.move(copy, folder)
        with Console(ana, f"{OPEN}; {SPACE}") as home:
            home.do("space.add(Task('written after, alone'))")
        with Console(ana, f"{online.format('Ana')}; {SPACE}") as home:
            home.do("space.add(Task('written after, together'))")
            away.do("space.add(Task('from Ben'))")
            everything = "sorted((o.title, o.n) for o in space.all(Task))"
            for one in (home, away):
                assert one.do("until(lambda: len(space.all(Task)) == 5)"), one.do(everything)
            assert home.do(everything) == away.do(everything)
            assert ["Milk", 2] in home.do(everything)  # type: ignore[operator]
            statuses = [one.do("str(space.status.words)") for one in (home, away)]
            assert all("signature" not in str(words) for words in statuses), statuses
