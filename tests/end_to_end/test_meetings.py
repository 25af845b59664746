"""Vaults that come and go, in one process, over real sockets and disks."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kithspace.adapters.disk.folder import DiskFolder, Settings
from kithspace.adapters.system import system_entropy
from kithspace.errors import Unreachable
from kithspace.runtime import seeking
from kithspace.runtime.space import Space
from kithspace.runtime.vault import Vault
from tests.meshed import add, change, open_meshed, see, wait_for

pytestmark = pytest.mark.end_to_end


class House:
    """People, their folders, and which of their vaults are open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.is_one_computer = True
        self._open: dict[str, Vault] = {}

    def __call__(self, name: str) -> Vault:
        """Return somebody's vault, opened."""
        if name not in self._open:
            folder = self._folder / name
            folder.mkdir(exist_ok=True)
            settings = Settings(
                vault=name,
                program="test",
                entropy=system_entropy,
                keys=folder / "k",
                openings=folder / "o",
            )
            disk = DiskFolder(folder / "vault", settings)
            runtime = self._folder if self.is_one_computer else folder
            self._open[name] = open_meshed(name, runtime, disk)
        return self._open[name]

    def space(self, name: str) -> Space:
        """Return the one space somebody has."""
        (info,) = self(name).spaces()
        return self(name).open_space(info.id)

    def goes(self, *names: str) -> None:
        """Close vaults."""
        for name in names:
            self._open.pop(name).close()

    def joins(self, name: str, of: str, role: str = "writer") -> Space:
        """Somebody joins the space of somebody else."""
        code = self.space(of).invite(role, uses=1, hours=24, link=False).code
        space = self(name).join(code).result(20)
        assert isinstance(space, Space)
        return space


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    people = House(tmp_path)
    yield people
    people.goes(*people._open)


def until(holds: Callable[[], bool], *watches: Callable[[Callable[..., None]], object]) -> None:
    """Wait for something; it is looked for whenever one of the watches calls."""
    seen = threading.Event()

    def look(*_: object) -> None:
        if holds():
            seen.set()

    for watch in watches:
        watch(look)
    look()
    assert seen.wait(20)


def test_x1_members_meet_who_were_admitted_while_the_other_was_away(house: House) -> None:
    milk = add(house("Ana").make_space("Groceries"), title="Milk")
    house.joins("Ben", "Ana")
    house.goes("Ben")
    house.joins("Cleo", "Ana")
    house.goes("Ana")
    change(house.space("Cleo"), milk, title="Oat milk")
    house("Ben")
    wait_for(house.space("Ben"), milk, "title", "Oat milk")


def test_x1_two_meet_who_do_not_know_of_each_other(house: House) -> None:
    milk = add(house("Ana").make_space("Groceries"), title="Milk")
    house.joins("Ben", "Ana", "admin")
    house.goes("Ben")
    house.joins("Cleo", "Ana")
    house.goes("Ana", "Cleo")
    house.joins("Dana", "Ben")
    house.goes("Ben")
    change(house.space("Dana"), milk, title="Soy milk")
    house("Cleo")
    wait_for(house.space("Cleo"), milk, "title", "Soy milk")


def test_x12_who_was_removed_while_away_learns_of_it_and_gets_nothing_else(house: House) -> None:
    groceries = house("Ana").make_space("Groceries")
    milk = add(groceries, title="Milk")
    house.joins("Ben", "Ana")
    ben = house("Ben").identity
    house.goes("Ben")
    groceries.remove(ben)
    change(groceries, milk, title="Oat milk")
    space = house.space("Ben")
    until(lambda: space.role == "none", space.engine.listen)
    assert see(space, milk, "title") == "Milk"


def test_a_removed_device_gets_nothing_more(house: House) -> None:
    groceries = house("Ana").make_space("Groceries")
    milk = add(groceries, title="Milk")
    house("Phone").join(house("Ana").add_device().code, as_device=True).result(20)
    until(lambda: len(house("Phone").spaces()) == 1, house("Phone").watch)
    wait_for(house.space("Phone"), milk, "title", "Milk")
    phone = next(one.key for one in house("Ana").devices() if not one.is_this_one)
    house.goes("Phone")
    house("Ana").remove_device(phone)
    change(groceries, milk, title="Oat milk")
    space = house.space("Phone")
    house.joins("Ben", "Ana")
    assert see(space, milk, "title") == "Milk"


def test_three_come_into_step_whoever_is_there_first(house: House) -> None:
    milk = add(house("Ana").make_space("Groceries"), title="Milk")
    house.joins("Ben", "Ana")
    house.joins("Cleo", "Ana")
    for number, name in enumerate(("Ana", "Ben", "Cleo")):
        change(house.space(name), milk, **{f"field{number}": name})
    for name in ("Ana", "Ben", "Cleo"):
        for number, who in enumerate(("Ana", "Ben", "Cleo")):
            wait_for(house.space(name), milk, f"field{number}", who)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("is_link", [False, True])
def test_a_code_with_an_address_leads_to_another_computer_and_back_again(
    house: House, *, is_link: bool
) -> None:
    house.is_one_computer = False
    port = free_port()
    house("Ana").set_setting("listen", f"127.0.0.1:{port}")
    groceries = house("Ana").make_space("Groceries")
    milk = add(groceries, title="Milk")
    made = groceries.invite("writer", uses=1, hours=24, link=is_link)
    by = made.link if is_link else f"{made.code.partition('@')[0]}@127.0.0.1:{port}"
    house("Ben").join(by).result(20)
    wait_for(house.space("Ben"), milk, "title", "Milk")
    house.goes("Ben")
    change(groceries, milk, title="Oat milk")
    wait_for(house.space("Ben"), milk, "title", "Oat milk")


def test_nobody_there_is_told_after_a_while(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeking, "GIVE_UP_SECONDS", 0.2)
    with pytest.raises(Unreachable):
        house("Ben").join(f"7-marble-salad-tiger@127.0.0.1:{free_port()}").result(30)
