"""A text in a space says what a plain one says, and what was typed at the same time survives."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kithspace as ks
from tests.api_world import Pair, one_space, two_people


class Page(ks.Object):
    body: ks.Text = ks.Text()


words = st.text(st.sampled_from("ab é👩‍👧\n"), max_size=5)
edits = st.lists(
    st.tuples(st.sampled_from(["insert", "delete", "set", "add"]), st.integers(0, 9), words),
    max_size=8,
)


@pytest.fixture(scope="module")
def space() -> Iterator[ks.Space]:
    with one_space() as found:
        yield found


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with two_people() as found:
        yield found


def do(text: ks.Text, edit: tuple[str, int, str]) -> None:
    name, place, word = edit
    at = place % (len(text) + 1)
    if name == "insert":
        text.insert(at, word)
    elif name == "delete":
        text.delete(at, min(2, len(text) - at))
    elif name == "set":
        text.set(word)
    else:
        text += word


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=words, typed=edits, together=st.booleans())
def test_t3_a_text_in_a_space_says_what_a_plain_one_says(
    space: ks.Space, start: str, typed: list[tuple[str, int, str]], together: bool
) -> None:
    plain, page = ks.Text(start), space.add(Page(ks.Text(start)))
    if together:
        with space.transaction():
            for edit in typed:
                do(page.body, edit)
                do(plain, edit)
                assert str(page.body) == str(plain)
    else:
        for edit in typed:
            do(page.body, edit)
            do(plain, edit)
            assert (str(page.body), len(page.body), page.body[1:3]) == (
                str(plain),
                len(plain),
                plain[1:3],
            )
    assert str(space.get(Page, page.id).body) == str(plain)
    page.body._kith_open = None
    assert str(page.body) == str(plain)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(start=words, mine=words, theirs=words)
def test_set_keeps_what_others_typed_meanwhile(
    pair: Pair, start: str, mine: str, theirs: str
) -> None:
    page = pair.mine.add(Page(ks.Text(start + "|")))
    pair.sync()
    other = pair.theirs.get(Page, page.id)
    page.body.set(mine + start + "|")
    other.body.set(start + "|" + theirs)
    pair.sync()
    assert str(page.body) == str(other.body) == mine + start + "|" + theirs


def test_places_outside_are_refused(space: ks.Space) -> None:
    page = space.add(Page(ks.Text("ab")))
    for text in (page.body, ks.Text("ab")):
        for at in (3, -1):
            with pytest.raises(IndexError):
                text.insert(at, "x")
        with pytest.raises(IndexError):
            text.delete(1, 2)
    assert str(page.body) == "ab"
