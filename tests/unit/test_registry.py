"""Nodes of one user find each other on one computer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kithspace.adapters.registry import Registry, is_alive, runtime_folder
from tests.wire import seeded


def pair(folder: Path) -> tuple[Registry, Registry]:
    return Registry(seeded("one"), folder), Registry(seeded("two"), folder)


def test_a_node_finds_the_others_and_not_itself(tmp_path: Path) -> None:
    one, two = pair(tmp_path / "nodes")
    one.announce(4001, ["7"])
    two.announce(4002, [])
    assert [(found.port, found.nameplates) for found in one.find()] == [(4002, ())]
    assert [(found.port, found.nameplates) for found in two.find()] == [(4001, ("7",))]


def test_an_announcement_replaces_the_one_before_and_can_be_taken_back(tmp_path: Path) -> None:
    one, two = pair(tmp_path / "nodes")
    one.announce(4001, ["7"])
    one.announce(4001, ["8", "9"])
    assert [found.nameplates for found in two.find()] == [("8", "9")]
    one.stop()
    one.stop()
    assert two.find() == []


def test_the_folder_is_private_and_holds_no_names(tmp_path: Path) -> None:
    one, _ = pair(tmp_path / "nodes")
    one.announce(4001, ["7"])
    (file,) = (tmp_path / "nodes").iterdir()
    assert (tmp_path / "nodes").stat().st_mode & 0o777 == 0o700
    assert file.read_text() == (
        f'{{"v": 1, "pid": {os.getpid()}, "port": 4001, "nameplates": ["7"]}}'
    )


def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path) -> None:
    one, two = pair(tmp_path / "nodes")
    two.announce(4002, [])
    (tmp_path / "nodes").chmod(0o777)
    with pytest.raises(PermissionError):
        one.announce(4001, [])
    assert one.find() == []


def test_a_dead_process_is_removed_by_who_finds_it(tmp_path: Path) -> None:
    one, _ = pair(tmp_path / "nodes")
    one.announce(4001, [])
    ended = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"],
        capture_output=True,
        check=True,
        text=True,
    )
    dead = tmp_path / "nodes" / "dead.json"
    dead.write_text(f'{{"v": 1, "pid": {int(ended.stdout)}, "port": 1, "nameplates": []}}')
    assert one.find() == []
    assert not dead.exists()
    assert is_alive(os.getpid())


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "null", "[" * 4000, '{"v": 1}'),
        '{"v": 2, "pid": 1, "port": 1, "nameplates": []}',
        '{"v": 1, "pid": "x", "port": 1, "nameplates": []}',
        '{"v": 1, "pid": 1, "port": 99999, "nameplates": []}',
    ],
)
def test_a_file_that_is_no_entry_is_passed_over(tmp_path: Path, text: str) -> None:
    one, _ = pair(tmp_path / "nodes")
    one.announce(4001, [])
    (tmp_path / "nodes" / "odd.json").write_text(text)
    assert one.find() == []


def test_the_environment_says_where_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KITH_RUNTIME", str(tmp_path))
    assert runtime_folder() == tmp_path
