"""What people read and type: codes, links, verification and check words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic

from kithspace.core.ids import IdentityId
from kithspace.errors import BadCode
from kithspace.protocol import words as w

LIST = w.WordList(Mnemonic("english").wordlist)


@pytest.mark.parametrize(
    "typed",
    [
        "7-marble-salad-tiger",
        " 7 Marble  SALAD tiger ",
        "7-marb-sala-tige",
        "7-marbl-salad-tiger",
    ],
)
def test_j1_case_spaces_and_four_letters_are_accepted(typed: str) -> None:
    assert w.j1_read_code(typed, LIST) == w.Code("7", ("marble", "salad", "tiger"))


@pytest.mark.parametrize(
    "typed",
    [
        *("", "7", "marble-salad-tiger", "0-marble-salad-tiger", "12345-marble-salad-tiger"),
        *("7-a-b", "7-marble-salad-tiger-zoo", "7-marble-salad-tiger@nowhere"),
        "7-marble-salad-tiger@h:99999",
    ],
)
def test_j1_anything_else_is_refused_before_it_is_sent(typed: str) -> None:
    with pytest.raises(BadCode, match="A code looks like 7-marble-salad-tiger"):
        w.j1_read_code(typed, LIST)


def test_j1_a_mistyped_word_is_named_with_the_nearest_one() -> None:
    with pytest.raises(BadCode) as caught:
        w.j1_read_code("7-marbel-salad-tiger", LIST)
    assert str(caught.value) == (
        "7-marbel-salad-tiger is no code: “marbel” is not in the word list. Did you mean “marble”?"
    )


def test_j1_an_address_is_part_of_the_text_and_not_of_the_password() -> None:
    code = w.j1_read_code("7-marble-salad-tiger@192.168.1.5:4433", LIST)
    assert code.address == "192.168.1.5:4433"
    assert code.password == b"marble-salad-tiger"


@given(source=st.binary(min_size=5, max_size=5), nameplate=st.integers(1, 9999))
def test_j1_a_new_code_reads_back(source: bytes, nameplate: int) -> None:
    code = w.j1_new_code(str(nameplate), LIST, lambda size: source[:size])
    assert w.j1_read_code(code.text, LIST) == code


@given(
    seed=st.binary(min_size=32, max_size=32),
    start=st.binary(min_size=16, max_size=16),
    ways=st.lists(st.sampled_from(["ws://192.168.1.5:4433", "wss://[::1]:1"]), max_size=4),
)
def test_j6_a_link_reads_back(seed: bytes, start: bytes, ways: list[str]) -> None:
    link = w.Link(seed, start, tuple(ways))
    assert w.is_link(link.text)
    assert w.j6_read_link(link.text) == link


@given(text=st.text(max_size=60) | st.text(max_size=60).map("kith:join?via=ws://a:1#".__add__))
def test_j6_anything_else_is_no_link(text: str) -> None:
    with pytest.raises(BadCode):
        w.j6_read_link(text)


def test_i12_both_persons_see_the_same_eight_words() -> None:
    ana, ben = IdentityId(b"a" * 32), IdentityId(b"b" * 32)
    mine = w.i12_verification_words(ana, ben, LIST)
    assert mine == w.i12_verification_words(ben, ana, LIST)
    assert len(mine) == 8
    assert mine != w.i12_verification_words(ana, ana, LIST)


def test_j4_check_words_are_the_first_22_bits() -> None:
    first, second = w.j4_check_words(b"\xff\xe0\x04" + bytes(29), LIST)
    assert (first, second) == ("zoo", "ability")
