"""What a space says about its people and about its state, from sightings and the fold."""

import pytest

from kithspace.adapters.memory_store import MemoryFolder, MemoryStore
from kithspace.core.roles import Role
from kithspace.errors import DiskFull
from kithspace.ports import Draft, DraftObject, DraftWrite
from kithspace.runtime.members import Members, Outside
from kithspace.runtime.names import Names
from kithspace.runtime.sightings import Had, Sightings
from kithspace.runtime.status import judge
from kithspace.runtime.vault_records import VaultRecords
from kithspace.testing.faults import FaultyStore
from kithspace.testing.founding import found_space
from kithspace.testing.simulated_time import SeededEntropy
from tests.engines import Side, sync, two_sides

ONLINE = Outside("on", None)


class People:
    """The people of a side's space, as they are seen there."""

    def __init__(self, side: Side, folder: MemoryFolder | None = None) -> None:
        self.side = side
        self.space = side.engine.space
        records = VaultRecords(folder or MemoryFolder(SeededEntropy(0, "folder")))
        self.sightings = Sightings(records, side.clock, lambda _: self.members.amount())
        names = Names(
            side.engine, "Work", lambda who: "Ben" if who != side.engine.me.identity else "Ana"
        )
        self.members = Members(side.engine, names, self.sightings)

    def words(self, outside: Outside = ONLINE) -> str:
        return judge(self.members.facts(outside)).words


def test_member_is_here_while_a_device_is_and_was_seen_after() -> None:
    ana, ben = two_sides()
    people = People(ana)
    assert [one.is_here for one in people.members.all()] == [True, False]
    people.sightings.here(people.space, ben.device, 0)
    assert [one.is_here for one in people.members.all()] == [True, True]
    people.sightings.gone(people.space, ben.device)
    gone = people.members.all()[1]
    assert (gone.is_here, gone.last_seen_ms) == (False, ana.clock.ms)


def test_status_follows_what_the_mesh_reports() -> None:
    ana, ben = two_sides()
    people = People(ana)
    assert people.words() == (
        "Ben's device was not seen yet. Changes meet when you are both online."
    )
    people.sightings.here(people.space, ben.device, 0)
    assert people.words() == "Comparing “Work” with Ben's device."
    people.sightings.same(people.space, ben.device)
    assert people.words() == ("Everything is the same here and on Ben's device (compared 0 s ago).")
    people.sightings.bad(people.space, ben.device, "E_SIGNATURE")
    assert "sends data that fails its signature check" in people.words()


def test_changes_made_apart_are_counted_until_another_device_has_them() -> None:
    ana, ben = two_sides()
    people = People(ana)
    people.sightings.here(people.space, ben.device, 0)
    people.sightings.same(people.space, ben.device)
    people.sightings.gone(people.space, ben.device)
    ana.add(title="Milk")
    ana.add(title="Eggs")
    facts = people.members.facts(ONLINE)
    assert facts.unsent == 2
    assert facts.peers[0].lacks == 2
    assert not people.members.all()[1].devices[0].has_everything
    people.sightings.here(people.space, ben.device, 0)
    people.sightings.same(people.space, ben.device)
    assert people.members.facts(ONLINE).unsent == 0


def test_sightings_outlive_the_program() -> None:
    ana, ben = two_sides()
    folder = MemoryFolder(SeededEntropy(1, "folder"))
    people = People(ana, folder)
    ana.add(title="Milk")
    people.sightings.here(people.space, ben.device, 0)
    people.sightings.same(people.space, ben.device)
    again = People(ana, folder)
    seen = again.sightings.of(people.space)[ben.device]
    assert (seen.is_here, seen.had) == (False, Had(1, 1))
    assert seen.last_seen_ms == ana.clock.ms


@pytest.mark.parametrize(
    ("ahead_ms", "whose"), [(300_000, "Ben's device"), (-300_000, "this computer")]
)
def test_status_names_the_clock_that_is_ahead(ahead_ms: int, whose: str) -> None:
    ana, ben = two_sides()
    people = People(ana)
    people.sightings.here(people.space, ben.device, ahead_ms)
    people.sightings.same(people.space, ben.device)
    assert people.words().startswith(f"The clock of {whose} is 5 minutes ahead.")


def test_status_says_what_waits_for_a_missing_link() -> None:
    ana, ben = two_sides()
    people = People(ana)
    milk = ben.add(title="Milk")
    sync(ana, ben)
    ben.set(milk, title="Oat milk")
    ben.engine.release()
    ben.set(milk, title="Soy milk")
    ben.engine.release()
    (leaf,) = (one for one in ben.exchange.feed_leaves() if one.length > 2)
    ana.exchange.receive_blocks(ben.exchange.blocks(leaf.feed, 3, 4), ben.device)
    assert people.words() == (
        "1 change by Ben waits for an earlier one that only Ben's device has; "
        "it shows by itself when it is online."
    )


def test_status_tells_when_the_disk_is_full() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    ana = Side(founded, 0, FaultyStore(MemoryStore(), fail_at=2))
    people = People(ana)
    with pytest.raises(DiskFull):
        ana.add(title="Milk")
    states = [ana.engine.is_disk_full]
    ana.add(title="Milk")
    states.append(ana.engine.is_disk_full)
    assert states == [True, False]
    assert "99.9 of 100.0 GB" in people.words(full_disk())


def full_disk() -> Outside:
    from kithspace.runtime.status import Full

    return Outside("on", Full("disk of this computer", 99_900_000_000, 100_000_000_000))


def test_names_come_from_profiles_and_devices_have_names_too() -> None:
    ana, ben = two_sides()
    Names(ben.engine, "Work", lambda _: "").introduce("Ben", "phone", "test")
    sync(ana, ben)
    people = People(ana)
    names = Names(ana.engine, "Work", lambda _: "")
    assert names.person(ben.engine.me.identity) == "Ben"
    assert names.device_of(ben.engine.me.identity, ben.device) == "Ben's phone"
    assert people.members.all()[1].devices[0].name == "phone"


def test_a_profile_of_a_wrong_shape_is_read_as_no_name() -> None:
    ana, ben = two_sides()
    names = Names(ben.engine, "Work", lambda _: "")
    names.introduce("Ben", "phone", "test")
    id_ = names.profile_id(ben.engine.me.identity)
    base = ben.engine.document(id_)
    assert base is not None
    writes = (DraftWrite(("name",), 7), DraftWrite(("devices",), "none"))
    part = DraftObject(id_, 1, 1, base, writes, bytes(16))
    ben.engine.commit(Draft("test", (part,)))
    sync(ana, ben)
    seen = Names(ana.engine, "Work", lambda _: "")
    assert seen.person(ben.engine.me.identity).startswith("somebody (")
    assert seen.device(ben.engine.me.identity, ben.device) == ""
