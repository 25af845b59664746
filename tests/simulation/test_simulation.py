"""What a simulation offers, and single things that must hold in it."""

import pytest

from kithspace.core.roles import Role
from kithspace.errors import NotAllowed
from kithspace.testing.convergence import picture_of
from kithspace.testing.simulated_disk import CrashPoint
from kithspace.testing.simulated_node import SimulatedNode
from kithspace.testing.simulation import Simulation, simulate

pytestmark = pytest.mark.simulation
LONG_MS = 60_000


def shown(node: SimulatedNode, net: Simulation) -> list[str]:
    """The titles a node shows."""
    documents = (node.running.engine.document(one) for one in net.objects)
    return sorted(str(one.doc.get("title")) for one in documents if one is not None and one.live)


def feeds_of(node: SimulatedNode, author: SimulatedNode) -> list[bytes]:
    """The feeds of an author that a node has."""
    replica = node.running.engine.replica
    known = ((row.id, replica.author_of(row.id)) for row in replica.feeds if row.length)
    return [feed for feed, who in known if who is not None and who[1] == author.key]


def test_w4_writes_on_both_sides_of_a_cut_come_together() -> None:
    with simulate(seed=1, nodes=3) as net:
        ana, ben, cleo = net.nodes
        task = net.write(ana).add("Task", title="Milk", steps=["one"])
        net.run_until_quiet()
        net.partition([ana], [ben, cleo])
        net.write(ana).set(task, "title", value="Oat milk")
        net.write(ana).insert(task, "steps", 0, "zero")
        net.write(cleo).insert(task, "steps", 1, "two")
        net.write(ben).count(task, "votes", 3)
        net.run(LONG_MS)
        assert shown(ben, net) == ["Milk"]
        net.heal()
        net.run_until_quiet()
        net.check()
        document = ben.running.engine.document(task)
        assert document is not None
        assert document.doc["steps"] == ["zero", "one", "two"]
        assert document.doc["title"] == "Oat milk"
        assert document.doc["votes"] == 3


def test_the_same_seed_gives_the_same_run() -> None:
    ends = []
    for _ in range(2):
        with simulate(seed=5, nodes=4, loss=0.05, skew_ms=1_000) as net:
            for number, node in enumerate(net.nodes * 3):
                net.write(node).add("Task", title=str(number))
                net.run(20)
            net.calm()
            net.run_until_quiet()
            ends.append((net.timeline.now_ms, picture_of(net.nodes[0], net.objects)))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("point", CrashPoint)
def test_f1_what_was_acknowledged_survives_a_crash_at_every_boundary(point: CrashPoint) -> None:
    with simulate(seed=2, nodes=2) as net:
        ana, ben = net.nodes
        net.write(ana).add("Task", title="first")
        net.run_until_quiet()
        net.crash(ana, point)
        is_acknowledged = False
        with net.at(ana):
            net.write(ana).add("Task", title="second")
            is_acknowledged = True
        net.run(LONG_MS)
        assert not ana.is_up
        net.restart(ana)
        net.run_until_quiet()
        net.check()
        is_there = shown(ben, net) == ["first", "second"]
        # A crash before the commit is on disk leaves nothing, one after it everything.
        assert is_there == (point is not CrashPoint.BEFORE_PERSIST)
        assert is_there or not is_acknowledged


def test_f2_after_a_kill_the_feed_goes_on() -> None:
    with simulate(seed=3, nodes=2) as net:
        ana, ben = net.nodes
        for title in ("one", "two"):
            with net.at(ana):
                net.write(ana).add("Task", title=title)
            net.run_until_quiet()
            net.crash(ana)
            net.restart(ana)
        net.run_until_quiet()
        assert len(feeds_of(ben, ana)) == 1


def test_f2_after_a_power_cut_another_feed_is_opened_and_peers_give_back_what_was_lost() -> None:
    with simulate(seed=4, nodes=2) as net:
        ana, ben = net.nodes
        with net.at(ana):
            net.write(ana).add("Task", title="sent")
        net.run_until_quiet()
        net.restore(ana, 1)
        net.restart(ana)
        with net.at(ana):
            net.write(ana).add("Task", title="after")
        net.run_until_quiet()
        net.check()
        assert shown(ana, net) == shown(ben, net) == ["after", "sent"]
        assert len(feeds_of(ben, ana)) == 2


def test_v12_two_copies_of_one_folder_show_as_branches_and_nothing_is_lost() -> None:
    with simulate(seed=6, nodes=3) as net:
        ana, ben, cleo = net.nodes
        with net.at(ana):
            net.write(ana).add("Task", title="common")
        net.run_until_quiet()
        commits = len(ana.disk)
        net.cut(ana, cleo)
        with net.at(ana):
            net.write(ana).add("Task", title="only ben saw this")
        net.run(LONG_MS)
        net.restore(ana, commits)
        ana.disk.is_doubtful = False  # As if nothing had told it of the copy.
        net.partition([ben], [ana, cleo])
        net.heal()
        net.partition([ben], [ana, cleo])
        net.restart(ana)
        with net.at(ana):
            net.write(ana).add("Task", title="only cleo saw this")
        net.run(LONG_MS)
        net.heal()
        net.run_until_quiet()
        net.check()
        assert shown(ben, net) == ["common", "only ben saw this", "only cleo saw this"]
        branches = [row for row in ben.running.engine.replica.feeds if row.branch_of is not None]
        assert len(branches) == 2


@pytest.mark.parametrize("is_cut_off", [True, False])
def test_c1_what_a_removed_member_writes_is_refused_everywhere(is_cut_off: bool) -> None:
    with simulate(seed=7, nodes=4) as net:
        ana, ben, *others = net.nodes
        with net.at(ben):
            net.write(ben).add("Task", title="before")
        net.run_until_quiet()
        if is_cut_off:
            net.cut(ana, ben)
        with net.at(ana):
            ana.running.acts.remove(ben.identity, None, "removed")
        # He has not heard of it, and writes on; with his line to the remover cut, others get it.
        with net.at(ben):
            net.write(ben).add("Task", title="after")
        net.run(LONG_MS)
        net.heal()
        net.run_until_quiet()
        net.check()
        for node in (ana, *others):
            assert shown(node, net) == ["before"]
        assert ben.role is Role.NONE
        with net.at(ben), pytest.raises(NotAllowed):
            net.write(ben).add("Task", title="later")


def test_c1_what_a_demoted_member_wrote_offline_is_refused_everywhere() -> None:
    with simulate(seed=8, nodes=3) as net:
        ana, ben, cleo = net.nodes
        net.run_until_quiet()
        net.cut(ben)
        with net.at(ben):
            net.write(ben).add("Task", title="offline")
        with net.at(ana):
            ana.running.acts.change_role(ben.identity, Role.READER)
        net.run(LONG_MS)
        net.heal()
        net.run_until_quiet()
        net.check()
        assert shown(ana, net) == shown(ben, net) == shown(cleo, net) == []
        assert ben.role is Role.READER


def test_k5_after_a_removal_the_removed_one_has_no_key_for_what_comes() -> None:
    with simulate(seed=9, nodes=3) as net:
        ana, ben, cleo = net.nodes
        net.run_until_quiet()
        with net.at(ana):
            ana.running.acts.remove(ben.identity, None, "removed")
        net.run_until_quiet()
        with net.at(cleo):
            net.write(cleo).add("Task", title="without him")
        net.run_until_quiet()
        net.check()
        generations = cleo.running.engine.membership.generations
        assert len(generations) == 2
        newest = generations[0].id
        assert cleo.running.engine.keyring.content_key(newest) is not None
        assert ben.running.engine.keyring.content_key(newest) is None
        assert shown(ana, net) == ["without him"]
        assert shown(ben, net) == []


def test_v11_a_clock_that_is_ahead_makes_others_wait_and_not_for_ever() -> None:
    with simulate(seed=10, nodes=2) as net:
        ana, ben = net.nodes
        net.run_until_quiet()
        net.jump_clock(ana, 400_000)
        with net.at(ana):
            net.write(ana).add("Task", title="from the future")
        net.run(LONG_MS)
        assert shown(ben, net) == []
        net.run(60_000)
        assert shown(ben, net) == ["from the future"]


def test_a10_a_transaction_of_many_blocks_shows_as_a_whole_or_not_at_all() -> None:
    with simulate(seed=11, nodes=2, delay_ms=(20, 400)) as net:
        ana, ben = net.nodes
        net.run_until_quiet()
        with net.at(ana), net.write(ana).transaction() as writer:
            for _ in range(12):
                writer.add("Task", title="x" * 60_000)
        seen = set()
        while not net.is_quiet():
            net.run(5)
            seen.add(len(shown(ben, net)))
        net.check()
        assert seen <= {0, 12}
        assert len(shown(ben, net)) == 12


def test_c6_a_held_dep_is_given_to_who_lacks_it() -> None:
    with simulate(seed=12, nodes=3) as net:
        ana, ben, cleo = net.nodes
        net.run_until_quiet()
        net.cut(ana)
        with net.at(cleo):
            net.write(cleo).add("Task", title="ana never saw this")
        net.run(LONG_MS)
        with net.at(ben):
            net.write(ben).add("Task", title="on top of it")
        with net.at(ana):
            net.remove(ana, cleo)
        net.heal()
        net.run_until_quiet()
        net.check()
        assert shown(ana, net) == shown(ben, net) == ["on top of it"]


def test_c2_a_cut_within_a_signed_run_is_served_all_the_same() -> None:
    with simulate(seed=13, nodes=4) as net:
        ana, cleo, ben, dora = net.nodes
        net.run_until_quiet()
        net.partition([ana, cleo], [ben], [dora])
        with net.at(cleo):
            net.write(cleo).add("Task", title="counts")
        net.run(LONG_MS)
        net.partition([ana], [cleo], [ben], [dora])
        with net.at(cleo):
            net.write(cleo).add("Task", title="does not")
        net.run(LONG_MS)
        net.heal()
        net.partition([ana], [cleo, ben], [dora])
        net.run(LONG_MS)
        assert shown(ben, net) == ["counts", "does not"]
        with net.at(ana):
            net.remove(ana, cleo)
        net.heal()
        net.partition([ana, ben], [cleo], [dora])
        net.run(LONG_MS)
        net.heal()
        net.partition([ana, cleo], [ben, dora])
        net.run(LONG_MS)
        assert shown(dora, net) == ["counts"]
        net.heal()
        net.run_until_quiet()
        net.check()


@pytest.mark.parametrize("is_removed", [False, True])
def test_k2_a_keeper_that_becomes_a_reader_reads_what_it_stored(is_removed: bool) -> None:
    roles = (Role.ADMIN, Role.WRITER, Role.WRITER, Role.KEEPER)
    with simulate(seed=14, nodes=4, roles=roles) as net:
        ana, ben, cleo, dora = net.nodes
        net.run_until_quiet()
        net.cut(ana, cleo)
        net.cut(ana, ben)
        net.cut(ana, dora)
        with net.at(cleo):
            net.write(cleo).add("Task", title="first")
        net.run(LONG_MS)
        with net.at(ben):
            net.write(ben).add("Task", title="then")
        net.run(LONG_MS)
        assert shown(dora, net) == []
        if is_removed:
            with net.at(ana):
                net.remove(ana, cleo)
        with net.at(ana):
            ana.running.acts.change_role(dora.identity, Role.READER)
        net.heal()
        net.run_until_quiet()
        net.check()
        assert shown(dora, net) == (["then"] if is_removed else ["first", "then"])


def test_c7_own_blocks_that_count_again_are_sent_again() -> None:
    roles = (Role.ADMIN, Role.ADMIN, Role.WRITER)
    with simulate(seed=15, nodes=3, roles=roles) as net:
        ana, ben, cleo = net.nodes
        net.run_until_quiet()
        net.partition([ana], [ben], [cleo])
        with net.at(cleo):
            net.write(cleo).add("Task", title="held, then not")
        with net.at(ben):
            net.remove(ben, cleo)
        # She is senior, and has not heard of what he did: it is void (M8).
        with net.at(ana):
            net.remove(ana, ben)
        net.run(LONG_MS)
        net.heal()
        net.partition([ana], [ben, cleo])
        net.run(LONG_MS)
        assert shown(cleo, net) == []
        net.heal()
        net.run_until_quiet()
        net.check()
        assert cleo.role is Role.WRITER
        assert shown(ana, net) == shown(cleo, net) == ["held, then not"]


def test_k5_who_may_no_longer_write_makes_no_key_that_was_planned() -> None:
    with simulate(seed=16, nodes=3) as net:
        ana, ben, cleo = net.nodes
        net.run_until_quiet()
        with net.at(cleo):
            net.leave(cleo)
        net.run(100)
        with net.at(ana):
            ana.running.acts.change_role(ben.identity, Role.READER)
        net.run(LONG_MS)
        net.run_until_quiet()
        net.check()
        assert len(ana.running.engine.membership.generations) == 2


def test_m4_a_removed_device_writes_no_more_and_its_owner_goes_on_with_the_other() -> None:
    with simulate(seed=17, nodes=3, devices=(1, 2)) as net:
        ana, phone, laptop = net.nodes
        with net.at(phone):
            net.write(phone).add("Task", title="from the phone")
        net.run_until_quiet()
        with net.at(ana):
            net.remove(ana, laptop, only_device=True)
        net.run_until_quiet()
        with net.at(laptop), pytest.raises(NotAllowed):
            net.write(laptop).add("Task", title="too late")
        with net.at(phone):
            net.write(phone).add("Task", title="still here")
        net.run_until_quiet()
        net.check()
        assert shown(ana, net) == ["from the phone", "still here"]
