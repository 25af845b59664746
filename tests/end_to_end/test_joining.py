"""Vaults join each other over real sockets, found through the registry of this computer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kithspace.errors import BadCode, CodeUsed, NotAllowed, Unreachable
from kithspace.runtime.vault import Vault
from tests.meshed import add, change, open_meshed, see, wait_for

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def ana(tmp_path: Path) -> Iterator[Vault]:
    vault = open_meshed("Ana", tmp_path)
    yield vault
    vault.close()


@pytest.fixture
def ben(tmp_path: Path) -> Iterator[Vault]:
    vault = open_meshed("Ben", tmp_path)
    yield vault
    vault.close()


def test_a_code_brings_somebody_in_and_both_see_each_others_changes(ana: Vault, ben: Vault) -> None:
    groceries = ana.make_space("Groceries")
    milk = add(groceries, title="Milk")
    code = groceries.invite("writer", uses=1, hours=24, link=False).code
    joined = ben.join(code).result(20)
    assert joined.name == "Groceries"
    assert see(joined, milk, "title") == "Milk"
    change(joined, milk, title="Oat milk")
    wait_for(groceries, milk, "title", "Oat milk")
    change(groceries, milk, title="Soy milk")
    wait_for(joined, milk, "title", "Soy milk")


def test_a_link_brings_somebody_in(ana: Vault, ben: Vault) -> None:
    groceries = ana.make_space("Groceries")
    milk = add(groceries, title="Milk")
    link = groceries.invite("writer", uses=2, hours=24, link=True).link
    joined = ben.join(link).result(20)
    assert see(joined, milk, "title") == "Milk"


def test_a_wrong_code_is_told_and_three_burn_it(ana: Vault, ben: Vault) -> None:
    groceries = ana.make_space("Groceries")
    code = groceries.invite("writer", uses=1, hours=24, link=False).code
    nameplate = code.partition("-")[0]
    wrong = f"{nameplate}-zoo-zoo-zoo"
    for left in (2, 1):
        with pytest.raises(BadCode, match=f"{left} tr"):
            ben.join(wrong).result(20)
    with pytest.raises(CodeUsed):
        ben.join(wrong).result(20)
    with pytest.raises((CodeUsed, BadCode, Unreachable)):
        ben.join(code).result(40)


def test_a_device_is_added_by_a_code(ana: Vault, ben: Vault) -> None:
    groceries = ana.make_space("Groceries")
    milk = add(groceries, title="Milk")
    code = ana.add_device().code
    with pytest.raises(NotAllowed, match="one of Ana's"):
        ben.join(code).result(20)  # nobody becomes another's device unasked (J5)
    ben.join(code, as_device=True).result(20)
    assert ben.identity == ana.identity
    (shared,) = ben.spaces()
    phone = ben.open_space(shared.id)
    wait_for(phone, milk, "title", "Milk")
    change(phone, milk, title="Oat milk")
    wait_for(groceries, milk, "title", "Oat milk")


def test_a_removed_member_gets_nothing_new(ana: Vault, ben: Vault) -> None:
    groceries = ana.make_space("Groceries")
    milk = add(groceries, title="Milk")
    code = groceries.invite("writer", uses=1, hours=24, link=False).code
    joined = ben.join(code).result(20)
    groceries.remove(ben.identity)
    eggs = add(groceries, title="Eggs")
    change(groceries, milk, title="Oat milk")
    groceries.synced()
    assert see(joined, eggs, "title") is None
