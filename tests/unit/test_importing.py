"""Files of records: what is read, and what is refused by line."""

import json
from pathlib import Path

import pytest

from kithspace.cli.importing import read_records
from kithspace.cli.values import WrongInput, field_name, read_assignments


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("t.csv", "title,n\nMilk,1\nEggs\n", "Line 3 of t.csv has 1 values, the header has 2"),
        ("t.csv", "", "t.csv is empty"),
        ("t.csv", "Title,title\na,b\n", "two columns"),
        ("t.json", '[{"a": 1}', "is no JSON"),
        ("t.json", '[{"a": NaN}]', "is no JSON"),
        ("t.json", '{"a": 1}', "holds no list"),
        ("t.json", "[1]", "Record 1"),
        ("t.txt", "x", "neither .csv nor .json"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    tmp_path: Path, name: str, content: str, says: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(WrongInput, match=says):
        read_records(tmp_path / name)


def test_a_csv_column_has_one_type_and_an_empty_cell_is_missing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,x,ok,code,t\n1,1.5,true,007,a\n,2,false,08,\n")
    assert read_records(tmp_path / "t.csv") == [
        {"n": 1, "x": 1.5, "ok": True, "code": "007", "t": "a"},
        {"x": 2.0, "ok": False, "code": "08"},
    ]


def test_json_values_stay_as_they_are(tmp_path: Path) -> None:
    records = [{"US Gross": 2**70, "x": 1.0, "none": None, "list": [1, [2]]}]
    (tmp_path / "t.json").write_text(json.dumps(records))
    (read,) = read_records(tmp_path / "t.json")
    assert read == {"us_gross": 2**70, "x": 1.0, "none": None, "list": [1, [2]]}
    assert type(read["x"]) is float


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Title", "title"),
        ("IMDB Votes", "imdb_votes"),
        ("3D?", "n3d"),
        ("id", "id_"),
        ("Größe", "größe"),
    ],
)
def test_labels_become_field_names(label: str, name: str) -> None:
    assert field_name(label) == name


def test_assignments() -> None:
    read = read_assignments(("a=1", "b+=x", "c-=[1]", "d=", 'e="1"', "f=NaN"))
    assert [(one.field, one.op, one.value) for one in read] == [
        ("a", "=", 1),
        ("b", "+=", "x"),
        ("c", "-=", [1]),
        ("d", "=", ""),
        ("e", "=", "1"),
        ("f", "=", "NaN"),
    ]
    with pytest.raises(WrongInput, match="is no assignment"):
        read_assignments(("nonsense",))
