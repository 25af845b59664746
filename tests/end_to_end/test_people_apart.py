"""Three people and a second device in processes of their own, some offline when things change."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.console import Console, invite
from tests.person import Person

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]
FIND = "space = vault.space('Groceries', create=False)"
TITLES = "sorted(task.title for task in space.all(Task))"
NAMES = ("Ana", "Ben", "Cy")


class Group:
    """People on one computer who come and go."""

    def __init__(self, computer: Path, stack: ExitStack) -> None:
        self._stack = stack
        self._people = {name: Person(name.lower(), computer) for name in (*NAMES, "Phone")}
        self._open: dict[str, Console] = {}

    def come(self, name: str, *, network: bool = True, space: bool = True) -> Console:
        """Start a program with that person's vault open."""
        start = f"vault = ks.open_vault(name={name!r}, network={network})"
        console = Console(self._people[name], f"{start}; {FIND}" if space else start)
        self._open[name] = self._stack.enter_context(console)
        return console

    def go(self, name: str) -> None:
        """End it."""
        self._open.pop(name).close()


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    """Ana is admin, Ben and Cy are writers; all have left."""
    with ExitStack() as stack:
        made = Group(tmp_path, stack)
        ana, ben, cy = (made.come(name, space=False) for name in NAMES)
        invite(ana, ben, "Groceries")
        invite(ana, cy, "Groceries")
        ana.do("space.add(Task('Milk'))")
        for one in (ben, cy):
            assert one.do(f"until(lambda: {TITLES} == ['Milk'])")
        for name in NAMES:
            made.go(name)
        yield made


def test_a_member_removed_while_some_are_offline(group: Group) -> None:
    ben = group.come("Ben", network=False)
    ben.do("space.add(Task('written by Ben, before he knew'))")
    group.go("Ben")

    ana = group.come("Ana", network=False)
    ana.do("space.member('Ben').remove(); space.add(Task('after Ben'))")
    group.go("Ana")

    cy, ben = group.come("Cy"), group.come("Ben")
    ana = group.come("Ana")
    assert cy.do(f"until(lambda: 'after Ben' in {TITLES})")
    cy.do("space.add(Task('from Cy'))")
    assert ana.do(f"until(lambda: 'from Cy' in {TITLES})")
    assert ben.do("until(lambda: space.role == 'none')")
    assert ben.fails("space.add(Task('too late'))").code == "not-allowed"
    assert ben.do("1 in space.status.causes") or "no longer a member" in str(
        ben.do("space.status.words")
    )
    expected = ["Milk", "after Ben", "from Cy"]
    assert ana.do(TITLES) == cy.do(TITLES) == expected
    assert ben.do("[t for t in ('after Ben', 'from Cy') if t in " + TITLES + "]") == []
    for one in (ana, cy):
        assert one.do("sorted(member.name for member in space.members)") == ["Ana", "Cy"]


def test_a_device_of_ones_own_edits_and_is_removed(group: Group) -> None:
    ana = group.come("Ana")
    phone = group.come("Phone", space=False)
    code = ana.do("vault.add_device().code")
    phone.do(f"vault.join({code!r}, as_device=True).result(30)")
    assert phone.do("until(lambda: [one.name for one in vault.spaces] == ['Groceries'])")
    phone.do(FIND)
    assert phone.do(f"until(lambda: {TITLES} == ['Milk'])")
    assert phone.do("vault.id") == ana.do("vault.id")
    phone.do("space.add(Task('from the phone'))")
    assert ana.do(f"until(lambda: 'from the phone' in {TITLES})")
    ana.do("space.all(Task, title='Milk').one().n = 7")
    assert phone.do("until(lambda: space.all(Task, title='Milk').one().n == 7)")
    assert ana.do("len(vault.devices)") == 2
    group.go("Phone")

    ana.do("[one for one in vault.devices if not one.is_this_one][0].remove()")
    ana.do("space.add(Task('after the phone'))")
    phone = group.come("Phone", network=False)
    lost = "until(lambda: space.role == 'none', 1)"
    assert not phone.do(lost)
    phone.do("space.add(Task('by a thief'))")
    group.go("Phone")
    cy, phone = group.come("Cy"), group.come("Phone")
    assert cy.do(f"until(lambda: 'after the phone' in {TITLES})")
    assert phone.do("until(lambda: space.role == 'none')"), phone.do("space.status.words")
    cy.do("space.add(Task('from Cy'))")
    assert ana.do(f"until(lambda: 'from Cy' in {TITLES})")
    expected = ["Milk", "after the phone", "from Cy", "from the phone"]
    assert ana.do(TITLES) == cy.do(TITLES) == expected
    assert "after the phone" not in str(phone.do(TITLES))


def test_a_reader_reads_and_may_not_write(group: Group) -> None:
    ana, ben = group.come("Ana"), group.come("Ben")
    ana.do("space.member('Ben').change_role('reader')")
    assert ben.do("until(lambda: space.role == 'reader')")
    for act in (
        "space.add(Task('x'))",
        "space.all(Task).first().n = 3",
        "space.delete(space.all(Task).first())",
        "space.rename('mine')",
        "space.invite()",
        "space.member('Ana').remove()",
    ):
        told = ben.fails(act)
        assert told.code == "not-allowed", act
        assert "Traceback" not in told.text
    ana.do("space.all(Task).first().n = 4")
    assert ben.do("until(lambda: space.all(Task).first().n == 4)")
    ana.do("space.member('Ben').change_role('writer')")
    assert ben.do("until(lambda: space.role == 'writer')")
    ben.do("space.all(Task).first().n = 5")
    assert ana.do("until(lambda: space.all(Task).first().n == 5)")


def test_codes_used_twice_and_taken_back(group: Group) -> None:
    ana = group.come("Ana")
    ben = group.come("Ben")
    code = ana.do("gone = space.invite(); gone.code")
    ana.do("gone.revoke()")
    phone = group.come("Phone", space=False)
    assert phone.do(
        f"try:\n    result = vault.join({code!r}).result(4).name\n"
        "except ks.KithError as error:\n    result = error.code\n"
        "result"
    ) in {"timed-out", "unreachable", "bad-code", "code-used"}
    code = ana.do("space.invite('reader').code")
    assert phone.do(f"vault.join({code!r}).result(30).name") == "Groceries"
    assert phone.do(f"vault.join({code!r}).result(30).role") == "reader"
    assert ben.fails(f"vault.join({code!r}).result(30)").code == "code-used"
    assert ben.do("space.role") == "writer"


def test_a_space_renamed_while_others_are_away(group: Group) -> None:
    ana = group.come("Ana", network=False)
    ana.do("space.rename('Food, 食べ物 🍎')")
    group.go("Ana")
    ben = group.come("Ben")
    ben.do("space.add(Task('Eggs'))")
    ana = Console(group._people["Ana"], "vault = ks.open_vault(name='Ana')")
    with ana:
        assert ben.do("until(lambda: space.name == 'Food, 食べ物 🍎')")
        ana.do("space = vault.space('Food, 食べ物 🍎', create=False)")
        assert ana.do(f"until(lambda: 'Eggs' in {TITLES})")
        assert ben.do("[one.name for one in vault.spaces]") == ["Food, 食べ物 🍎"]
