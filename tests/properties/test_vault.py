"""A vault: made, opened again, invites, joins, has devices; all without sockets."""

import pytest

from kithspace.adapters.memory_store import MemoryFolder
from kithspace.core.ids import DeviceKey, ObjectId
from kithspace.core.object_id import shared_object_id
from kithspace.core.value import ROOT
from kithspace.errors import BadCode, Closed, CodeUsed, NotAllowed, Unreachable
from kithspace.ports import Draft, DraftObject, DraftWrite, SpaceBackend, VaultBackend
from kithspace.protocol.words import j6_read_link
from kithspace.runtime.entering import error_of
from kithspace.runtime.exchange import Failure
from kithspace.runtime.space import Space
from kithspace.runtime.vault import Vault
from kithspace.testing.simulated_time import SeededEntropy
from tests.vault_pairs import join, open_vault, sync, tend


def add(vault: Vault, space: Space, title: str) -> ObjectId:
    id_ = shared_object_id(vault.core.entropy)
    root = DraftWrite((), (ROOT, "task", ("title", title)))
    space.commit(Draft("test", (DraftObject(id_, 0, 1, None, (root,)),)))
    return id_


def title(space: Space, id_: ObjectId) -> object:
    document = space.get(id_)
    return None if document is None else document.get("title")


def test_vault_and_space_are_the_ports_that_the_api_knows() -> None:
    ana = open_vault("Ana")
    vault: VaultBackend = ana
    space: SpaceBackend = vault.make_space("Groceries")
    assert (space.name, space.role) == ("Groceries", "admin")
    assert [info.name for info in vault.spaces()] == ["Groceries"]
    ana.close()


def test_e2_vault_opened_again_has_its_spaces_and_identity() -> None:
    folder = MemoryFolder(SeededEntropy(1, "folder"))
    ana = open_vault("Ana", folder)
    space = ana.make_space("Groceries")
    milk = add(ana, space, "Milk")
    identity = ana.identity
    ana.close()
    again = open_vault("ignored", folder, seed=1)
    assert (again.identity, again.name) == (identity, "Ana")
    assert title(again.open_space(space.id), milk) == "Milk"
    again.close()


def test_j4_somebody_joins_by_code_and_both_see_names_and_data() -> None:
    ana, ben = open_vault("Ana"), open_vault("Ben", device="phone")
    space = ana.make_space("Groceries")
    milk = add(ana, space, "Milk")
    invitation = space.invite("writer", uses=1, hours=24, link=False)
    waiting = space.joined(invitation.id)
    join(ben, ana, invitation.code)
    theirs = ben.open_space(space.id)
    bread = add(ben, theirs, "Bread")
    sync(ana, ben)
    assert waiting.result(0).name == "Ben"
    assert (title(theirs, milk), title(space, bread)) == ("Milk", "Bread")
    assert [(one.name, one.role) for one in space.members()] == [
        ("Ana", "admin"),
        ("Ben", "writer"),
    ]
    assert [one.name for one in theirs.members()] == ["Ben", "Ana"]
    assert space.members()[1].devices[0].name == "phone"
    assert [one.name for one in ana.contacts()] == ["Ben"]
    assert [info.name for info in ben.spaces()] == ["Groceries"]
    ana.close()
    ben.close()


def test_j6_several_join_by_a_link_until_its_uses_are_over() -> None:
    ana, ben, cleo = open_vault("Ana"), open_vault("Ben"), open_vault("Cleo")
    space = ana.make_space("Groceries")
    invitation = space.invite("reader", uses=2, hours=24, link=True)
    seed = j6_read_link(invitation.link).seed
    for joiner in (ben, cleo):
        join(joiner, ana, invitation.link, link_seed=seed)
    assert [one.role for one in space.members()] == ["admin", "reader", "reader"]
    assert space.invitations() == []
    for vault in (ana, ben, cleo):
        vault.close()


def test_j3_three_wrong_tries_burn_a_code() -> None:
    ana = open_vault("Ana")
    space = ana.make_space("Groceries")
    invitation = space.invite("writer", uses=1, hours=24, link=False)
    nameplate = invitation.code.partition("-")[0]
    tries = [ana.core.inviter.take_try(nameplate) for _ in range(4)]
    assert [getattr(one, "tries_left", None) for one in tries[:3]] == [2, 1, 0]
    assert tries[3] == Failure("used")
    assert space.invitations() == []
    ana.close()


def test_j4_used_code_lets_the_same_person_in_again_and_nobody_else() -> None:
    ana, ben, cleo = open_vault("Ana"), open_vault("Ben"), open_vault("Cleo")
    space = ana.make_space("Groceries")
    invitation = space.invite("writer", uses=1, hours=24, link=False)
    preview = join(ben, ana, invitation.code)
    opened = ana.core.inviter.take_try(invitation.code.partition("-")[0])
    assert not isinstance(opened, Failure)
    again = ana.core.inviter.admit(
        opened.invitation, ben.core.entrance.introduction(space.id, None, None)
    )
    other = ana.core.inviter.admit(
        opened.invitation, cleo.core.entrance.introduction(space.id, None, None)
    )
    assert not isinstance(again, Failure)
    assert other == Failure("used")
    assert preview.members == 1
    assert len(space.members()) == 2
    for vault in (ana, ben, cleo):
        vault.close()


def test_code_of_before_gives_the_same_space_again() -> None:
    ana, ben = open_vault("Ana"), open_vault("Ben")
    space = ana.make_space("Groceries")
    invitation = space.invite("writer", uses=1, hours=24, link=False)
    join(ben, ana, invitation.code)
    assert ben.join(f"  {invitation.code.upper()} ").result(0).id == space.id
    ana.close()
    ben.close()


def test_join_refuses_what_is_no_code_and_what_needs_a_network() -> None:
    ana = open_vault("Ana")
    with pytest.raises(BadCode, match="marbel"):
        ana.join("7-marbel-salad-tiger")
    with pytest.raises(Unreachable, match="network=False"):
        ana.join("7-marble-salad-tiger").result(0)
    ana.close()


def test_j5_second_device_is_the_same_person_everywhere() -> None:
    ana, phone, ben = open_vault("Ana"), open_vault("new", device="phone"), open_vault("Ben")
    space = ana.make_space("Groceries")
    milk = add(ana, space, "Milk")
    join(ben, ana, space.invite("writer", uses=1, hours=24, link=False).code)
    join(phone, ana, ana.add_device().code)
    sync(ana, phone, ben)
    assert (phone.identity, phone.name) == (ana.identity, "Ana")
    assert [one.name for one in ana.devices()] == ["laptop", "phone"]
    there = phone.open_space(space.id)
    assert title(there, milk) == "Milk"
    bread = add(phone, there, "Bread")
    sync(ana, phone, ben)
    assert title(ben.open_space(space.id), bread) == "Bread"
    assert [one.name for one in phone.spaces()] == ["Groceries"]
    later = ana.make_space("Later")
    eggs = add(ana, later, "Eggs")
    sync(ana, phone, ben)
    assert title(phone.open_space(later.id), eggs) == "Eggs"
    for vault in (ana, phone, ben):
        vault.close()


def test_lost_device_is_removed_in_every_space_with_a_new_key() -> None:
    ana, phone, ben = open_vault("Ana"), open_vault("new", device="phone"), open_vault("Ben")
    space = ana.make_space("Groceries")
    join(ben, ana, space.invite("writer", uses=1, hours=24, link=False).code)
    join(phone, ana, ana.add_device().code)
    sync(ana, phone, ben)
    there = phone.open_space(space.id)
    lost = add(phone, there, "written by who found it")
    outcome = ana.remove_device(DeviceKey(phone.core.device.public))
    secret = add(ana, space, "After")
    sync(ana, ben)
    sync(ana, phone, ben)
    assert (
        outcome.will == "From now on your phone receives nothing new and its changes are refused."
    )
    assert title(ben.open_space(space.id), secret) == "After"
    assert title(space, lost) is None
    assert title(there, secret) is None
    assert [one.name for one in ana.devices()] == ["laptop"]
    for vault in (ana, phone, ben):
        vault.close()


def test_removed_while_offline_learns_it_later() -> None:
    ana, ben = open_vault("Ana"), open_vault("Ben")
    space = ana.make_space("Groceries")
    join(ben, ana, space.invite("writer", uses=1, hours=24, link=False).code)
    there = ben.open_space(space.id)
    outcome = space.remove(ben.identity)
    held = add(ben, there, "offline")
    sync(ana, ben)
    assert outcome.will.startswith("From now on Ben receives nothing new")
    assert title(space, held) is None
    status = there.status()
    assert status.causes[0].row == 1
    assert "(by Ana). What you have stays; 1 change you made since is held" in status.words
    with pytest.raises(NotAllowed):
        add(ben, there, "more")
    ana.close()
    ben.close()


def test_leaving_is_remembered_and_the_copy_stays() -> None:
    ana, ben = open_vault("Ana"), open_vault("Ben")
    space = ana.make_space("Groceries")
    milk = add(ana, space, "Milk")
    join(ben, ana, space.invite("writer", uses=1, hours=24, link=False).code)
    there = ben.open_space(space.id)
    there.leave()
    sync(ana, ben)
    assert [info.is_left for info in ben.spaces()] == [True]
    assert title(there, milk) == "Milk"
    assert [one.name for one in space.members()] == ["Ana"]
    ana.close()
    ben.close()


def test_renaming_reaches_the_others() -> None:
    ana, ben = open_vault("Ana"), open_vault("Ben")
    space = ana.make_space("Groceries")
    join(ben, ana, space.invite("writer", uses=1, hours=24, link=False).code)
    space.rename("Shopping")
    sync(ana, ben)
    assert [info.name for info in ben.spaces()] == ["Shopping"]
    ana.close()
    ben.close()


def test_closed_vault_says_where_it_was_closed() -> None:
    ana = open_vault("Ana")
    space = ana.make_space("Groceries")
    ana.close("shop.py, line 3")
    ana.close()
    for use in (ana.spaces, space.members, space.status, lambda: add(ana, space, "Milk")):
        with pytest.raises(Closed, match=r"The vault “Ana” was closed at shop\.py, line 3"):
            use()


def test_tending_twice_writes_nothing_the_second_time() -> None:
    ana = open_vault("Ana")
    space = ana.make_space("Groceries")
    tend(ana)
    before = [(one.id, one.changed) for one in ana.core.all_spaces()]
    tend(ana)
    assert [(one.id, one.changed) for one in ana.core.all_spaces()] == before
    assert space.id in [id_ for id_, _ in before]
    ana.close()


def test_what_an_inviter_answers_becomes_an_error_with_a_next_step() -> None:
    assert "2 tries are left" in str(error_of(Failure("wrong", 2)))
    assert isinstance(error_of(Failure("wrong", 0)), CodeUsed)
    for code in ("used", "expired", "later", "refused", "unknown"):
        assert error_of(Failure(code)).next
