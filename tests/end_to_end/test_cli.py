"""What a person types, and what they see: every command, right and wrong."""

import json
from pathlib import Path

import pytest

from tests.person import Person, end_well, introduce

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]


@pytest.fixture
def ana(tmp_path: Path) -> Person:
    person = Person("ana", tmp_path)
    person.type("init", "--name", "Ana")
    person.type("space", "new", "Groceries")
    return person


@pytest.fixture
def ben(tmp_path: Path) -> Person:
    person = Person("ben", tmp_path)
    person.type("init", "--name", "Ben")
    return person


def test_objects_are_added_listed_changed_deleted_and_brought_back(ana: Person) -> None:
    added = ana.type("add", "Groceries", "task", "title=Milk", "priority=2", 'tags=["dairy"]')
    assert "“Milk”" in added
    assert "priority 2 → 3" in ana.type("set", "Milk", "priority+=1", "tags+=fridge", "done=true")
    (milk,) = ana.records("ls", "Groceries", "task")
    assert milk["fields"] == {
        "title": "Milk",
        "priority": 3,
        "tags": ["dairy", "fridge"],
        "done": True,
    }
    assert milk["by"] == "Ana"
    assert "1 of 1 tasks" in ana.type("ls", "Groceries", "task")
    assert "“Milk”" in ana.type("show", str(milk["id"])[:6])
    ana.type("delete", "Milk")
    assert ana.records("ls", "Groceries", "task") == []
    ana.type("undelete", str(milk["id"]))
    assert len(ana.records("ls", "Groceries", "task")) == 1


def test_conditions_order_and_limit(ana: Person, tmp_path: Path) -> None:
    source = tmp_path / "tasks.json"
    source.write_text(json.dumps([{"title": f"t{n}", "n": n, "odd": n % 2 == 1} for n in range(9)]))
    ana.type("add", "Groceries", "task", "--from", str(source))
    found = ana.records(
        "ls", "Groceries", "task", "--where", '{"odd": true}', "--order=-n", "--limit", "2"
    )
    assert [one["fields"]["n"] for one in found] == [7, 5]


def test_a_wrong_file_is_named_and_nothing_is_written(ana: Person, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("title,n\nMilk,1\nEggs\n")
    said = ana.type("add", "Groceries", "task", "--from", str(tmp_path / "t.csv"), exit_code=2)
    assert "Line 3 of t.csv has 1 values, the header has 2. Nothing was written." in said
    assert ana.records("ls", "Groceries") == []


def test_what_is_not_there_has_exit_code_3_and_names_what_is_near(ana: Person) -> None:
    assert "Nearest: Groceries" in ana.type("ls", "Grocries", "task", exit_code=3)
    assert "There is no object" in ana.type("show", "nothing", exit_code=3)


def test_a_wrong_code_costs_nothing_and_says_what_was_meant(ana: Person) -> None:
    assert "Did you mean “marble”?" in ana.type("join", "7-marbel-salad-tiger", exit_code=2)
    assert "A code looks like" in ana.type("join", "hello", exit_code=2)


def test_errors_are_records_with_json(ana: Person) -> None:
    process = ana.start("ls", "Nowhere", "task", "--json")
    out, err = process.communicate(timeout=50)
    assert (out, process.returncode) == ("", 3)
    assert json.loads(err)["error"]["code"] == "not-found"


def test_two_people_share_a_space_and_one_is_removed(ana: Person, ben: Person) -> None:
    ana.type("add", "Groceries", "task", "title=Milk")
    introduce(ana, ben, "Groceries")
    (milk,) = ben.records("ls", "Groceries", "task")
    assert milk["fields"] == {"title": "Milk"}
    assert {one["name"] for one in ben.records("who", "Groceries")} == {"Ana", "Ben"}
    said = ana.type("remove", "Groceries", "Ben", "--yes")
    assert "Removed. New key for 1 members" in said
    assert [one["name"] for one in ana.records("who", "Groceries")] == ["Ana"]
    assert "Only you are in" in ana.type("status")


def test_a_second_process_is_told_who_has_the_vault(ana: Person) -> None:
    watching = ana.start("watch", "Groceries", "task")
    assert watching.stderr is not None
    assert "Watching" in watching.stderr.readline()
    said = ana.type("ls", "Groceries", exit_code=6)
    assert f"process {watching.pid}" in said
    watching.terminate()
    watching.communicate(timeout=20)
    ana.type("ls", "Groceries")


def test_another_device_of_ones_own_has_everything(ana: Person, tmp_path: Path) -> None:
    ana.type("add", "Groceries", "task", "title=Milk")
    laptop = Person("laptop", tmp_path)
    adding = ana.start("devices", "add", "--json")
    assert adding.stdout is not None
    code = json.loads(adding.stdout.readline())["code"]
    refused = laptop.type("join", code, exit_code=4)
    assert "This code makes this device one of Ana's." in refused
    assert "one of Ana's now, with 1 spaces" in laptop.type("join", code, "--as-device")
    end_well(adding)
    laptop.type("set", "Milk", "n=2")
    assert len(ana.records("devices", "ls")) == 2
    watching = ana.start("watch", "Groceries", "task")
    assert watching.stderr is not None
    assert "Watching" in watching.stderr.readline()
    laptop.type("status")
    watching.terminate()
    watching.communicate(timeout=20)
    (milk,) = ana.records("ls", "Groceries", "task")
    assert milk["fields"] == {"title": "Milk", "n": 2}
