"""Real data: 3,201 movies, imported by one person, shared, edited apart by two, compared.

`.ci/run setup` fetches the file (`data/movies.json` of the npm package `vega-datasets`).
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kithspace.cli.values import field_name
from tests.person import Person, introduce

SOURCE = Path(
    os.environ.get("KITH_MOVIES", Path(__file__).parents[2] / "build" / "data" / "movies.json")
)
pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not SOURCE.exists(), reason="no movies: run `.ci/run setup` first"),
]

Movie = dict[str, Any]


def test_movies_are_imported_shared_edited_apart_and_the_same_in_the_end(tmp_path: Path) -> None:
    source = [
        {field_name(label): value for label, value in movie.items()}
        for movie in json.loads(SOURCE.read_text())
    ]
    ana, ben = Person("ana", tmp_path), Person("ben", tmp_path)
    ana.type("init", "--name", "Ana")
    ben.type("init", "--name", "Ben")
    ana.type("space", "new", "Movies")
    assert "3,201 movies added" in ana.type("add", "Movies", "movie", "--from", str(SOURCE))
    introduce(ana, ben, "Movies")
    mine, theirs = movies(ana), movies(ben)
    assert mine == theirs
    assert _sorted(one["fields"] for one in theirs.values()) == _sorted(source)

    # Nobody is online between two commands: both edit, cut off from each other.
    first, second, third, fourth = sorted(mine)[:4]
    ana.type("set", first, "imdb_rating=9.9")
    ben.type("set", second, "imdb_rating=1")
    ana.type("set", third, "director=Ana Lund")
    ben.type("set", third, "director=Ben Berg")
    ana.type("delete", fourth)
    ben.type("set", fourth, "title=1234567890123456789012345678901234567890")
    assert movies(ana) != movies(ben)

    meet(ana, ben)
    mine, theirs = movies(ana), movies(ben)
    assert mine == theirs
    expected = {id_: dict(one["fields"]) for id_, one in mine.items()}
    assert len(expected) == len(source) - 1
    assert fourth not in expected
    assert expected[first]["imdb_rating"] == 9.9
    assert expected[second]["imdb_rating"] == 1
    assert expected[third]["director"] == "Ben Berg"
    (shown,) = ana.records("show", third)
    assert [one["field"] for one in shown["conflicts"]] == ["director"]
    assert [one["who"] for one in shown["conflicts"][0]["others"]] == ["Ana"]
    untouched = [fields for id_, fields in expected.items() if id_ not in (first, second, third)]
    assert all(fields in source for fields in untouched)
    ben.type("show", third, "--keep", "director=Both")
    meet(ana, ben)
    assert ana.records("show", third)[0]["conflicts"] == []


def movies(person: Person) -> dict[str, Movie]:
    """All movies that a person has, by id."""
    return {str(one["id"]): one for one in person.records("ls", "Movies", "movie")}


def meet(online: Person, other: Person) -> None:
    """One stays online until the other has compared."""
    watching = online.start("watch", "Movies", "movie")
    assert watching.stderr is not None
    assert "Watching" in watching.stderr.readline()
    other.type("status")
    watching.terminate()
    watching.communicate(timeout=20)


def _sorted(records: Iterable[object]) -> list[str]:
    return sorted(json.dumps(one, sort_keys=True) for one in records)
