"""The everyday path of the gate: write, release, receive, restart."""

from tests.gate_world import World


def test_an_own_write_is_stored_and_read_back() -> None:
    ana = World.make({}).node("Ana")
    milk = ana.create("milk", title="Milk", done=False)
    ana.write((milk, ("done",), True))
    document = ana.get(milk)
    assert document is not None
    assert (document.get("title"), document.get("done")) == ("Milk", True)


def test_what_is_released_is_the_same_at_the_other_node() -> None:
    world = World.make({"Ben": "writer"})
    ana, ben = world.node("Ana"), world.node("Ben")
    milk = ana.create("milk", title="Milk")
    ben.pull(ana)
    ben.write((milk, ("title",), "Oat milk"))
    ana.pull(ben)
    assert ana.documents() == ben.documents()
    assert ana.heads() == ben.heads()
    assert ana.read(milk).get("title") == "Oat milk"


def test_applying_twice_has_no_effect() -> None:
    world = World.make({"Ben": "writer"})
    ana, ben = world.node("Ana"), world.node("Ben")
    ana.create("milk", title="Milk")
    ana.release()
    message = [block for part in ana.everything() for block in part]
    witnesses = ben.verify(message).blocks
    ben.run(ben.replica.apply(witnesses, ben.state, ben.now))
    again = ben.replica.apply(witnesses, ben.state, ben.now)
    assert not again.persist
    assert not again.changed
    assert not ben.receive(message).persist


def test_nothing_is_announced_before_it_is_released() -> None:
    world = World.make({})
    ana = world.node("Ana")
    ana.create("milk")
    assert ana.feed(ana.own).released == 0
    ana.release()
    assert ana.feed(ana.own).released == 2
    assert not ana.replica.has_unreleased


def test_a_node_goes_on_after_a_restart() -> None:
    world = World.make({"Ben": "writer"})
    ana, ben = world.node("Ana"), world.node("Ben")
    milk = ana.create("milk", title="Milk")
    ana.restart()
    ana.write((milk, ("title",), "Oat milk"))
    ben.pull(ana)
    assert ben.documents() == ana.documents()
    assert len(ben.heads()) == 1


def test_two_devices_write_in_turn_and_one_message_brings_it_all() -> None:
    world = World.make({"Ben": "writer", "Cem": "reader"})
    ana, ben, cem = world.node("Ana"), world.node("Ben"), world.node("Cem")
    milk = ana.create("milk", title="0")
    for number in range(1, 9):
        ben.pull(ana)
        ben.write((milk, ("title",), f"ben {number}"))
        ana.pull(ben)
        ana.write((milk, ("title",), f"ana {number}"))
    cem.pull(ana)
    assert cem.documents() == ana.documents()
    assert len(cem.read(milk).heads(b"\x65title")) == 1


def test_b5_effects_that_were_thrown_away_leave_nothing_behind() -> None:
    """A disk that failed: the same transaction, made again, has the same effects."""
    world = World.make({"Ben": "writer"})
    ana, ben = world.node("Ana"), world.node("Ben")
    milk = ana.create("milk", title="1")
    ana.release()
    message = [block for part in ana.everything() for block in part]
    lost = ben.replica.apply(ben.verify(message).blocks, ben.state, ben.now)
    again = ben.replica.apply(ben.verify(message).blocks, ben.state, ben.now)
    assert lost.persist == again.persist
    assert lost.send == again.send
    ben.run(again)
    draft = ben.draft((milk, ("title",), "2"))
    ben.replica.apply(ben.replica.seal(draft, ben.state, ben.now, ben.entropy), ben.state, ben.now)
    ben.commit(draft)
    ana.pull(ben)
    assert ana.documents() == ben.documents()
    assert len(ana.heads()) == 2
