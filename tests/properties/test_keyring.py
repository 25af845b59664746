"""Keys of a space: made, opened, asked for, refused; with real engines."""

import pytest

from kithspace.core.credential import Admit
from kithspace.core.effects import PutKey
from kithspace.core.generation import seal_key
from kithspace.core.ids import GenerationId
from kithspace.core.roles import Role
from kithspace.runtime.acts import Acts
from kithspace.runtime.keyring import early_access_key
from kithspace.runtime.names import Names
from kithspace.testing.founding import Founded, found_space, make_person
from tests.engines import Side, sync, two_sides


def without_keys(founded: Founded, place: int) -> Side:
    """A member that has the credentials, and no key."""
    rows = tuple(row for row in founded.rows[place] if not isinstance(row, PutKey))
    return Side(founded._replace(rows=(*founded.rows[:place], rows)), place)


def remove(side: Side, other: Side) -> None:
    acts = Acts(side.engine, Names(side.engine, "Work", lambda _: ""))
    acts.remove(other.engine.me.identity, None, "removed")


def test_k2_key_is_opened_from_the_chunk_and_blocks_that_waited_for_it_show() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, ben, cleo = (Side(founded, place) for place in range(3))
    remove(ana, cleo)
    after = ana.add(title="After")
    ana.engine.release()
    known = {leaf.id for leaf in ben.exchange.credential_leaves()}
    new = [one.id for one in ana.exchange.credential_leaves() if one.id not in known]
    ben.exchange.receive_credentials(ana.exchange.credentials(new), ana.device)
    for leaf in ana.exchange.feed_leaves():
        blocks = ana.exchange.blocks(leaf.feed, 0, leaf.length)
        ben.exchange.receive_blocks(blocks, ana.device)
    assert ben.get(after, "title") is None
    (hash_,) = ben.exchange.lacking_chunks()
    chunk = ana.exchange.chunk(hash_)
    assert chunk is not None
    ben.exchange.receive_chunk(hash_, b"not what was asked for")
    assert ben.exchange.lacking_chunks() == [hash_]
    ben.exchange.receive_chunk(hash_, chunk)
    assert ben.exchange.lacking_chunks() == []
    assert ben.get(after, "title") == "After"


def test_k3_key_that_does_not_fit_is_refused_and_asked_of_members() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    ana, ben = Side(founded, 0), without_keys(founded, 1)
    generation = ana.engine.membership.generations[0]
    wrong = seal_key(
        ben.engine.me.agree.public, founded.space, generation.n, bytes(32), ben.entropy
    )
    ben.exchange.receive_key(generation.id, wrong)
    assert ben.exchange.lacking_keys() == [generation.id]
    right = ana.exchange.seal_key(generation.id, ben.device)
    assert right is not None
    ben.exchange.receive_key(generation.id, right)
    assert ben.exchange.lacking_keys() == []


@pytest.mark.parametrize("sealed", [b"", b"\0" * 10, b"x" * 125])
def test_k3_garbage_in_place_of_a_key_changes_nothing(sealed: bytes) -> None:
    founded = found_space((Role.ADMIN, Role.WRITER), (1, 1))
    ben = without_keys(founded, 1)
    generation = ben.engine.membership.generations[0]
    ben.exchange.receive_key(generation.id, sealed)
    assert ben.exchange.lacking_keys() == [generation.id]


def test_k4_the_newest_key_opens_the_older_ones() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, ben, cleo = (Side(founded, place) for place in range(3))
    milk = ana.add(title="Milk")
    remove(ana, cleo)
    sync(ana, ben)
    dana = make_person("dana", 1)
    with ana.engine.lock:
        body = Admit(dana.identity, dana.entries, Role.READER)
        ana.engine.admit_own([ana.engine.make_credential(body)])
    newest = ana.engine.membership.generations[0]
    author = dana.devices[0]
    rows = tuple(row for row in founded.rows[0] if not isinstance(row, PutKey))
    joiner = Side(founded._replace(authors=(author,), rows=(rows,)), 0)
    sealed = ana.exchange.seal_key(newest.id, joiner.device)
    assert sealed is not None
    joiner.pull(ana)
    joiner.exchange.receive_key(newest.id, sealed)
    joiner.pull(ana)
    assert joiner.exchange.lacking_keys() == []
    assert joiner.get(milk, "title") == "Milk"


def test_x11_no_key_is_given_to_who_is_no_member() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, _, cleo = (Side(founded, place) for place in range(3))
    generation = ana.engine.membership.generations[0].id
    assert ana.exchange.seal_key(generation, cleo.device) is not None
    remove(ana, cleo)
    assert ana.exchange.seal_key(generation, cleo.device) is None
    assert ana.exchange.seal_key(GenerationId(bytes(16)), ana.device) is None


def test_j4_key_that_comes_before_its_credential_is_kept_sealed() -> None:
    ana, ben = two_sides()
    later = GenerationId(b"g" * 16)
    sealed = seal_key(ben.engine.me.agree.public, ben.engine.space, 7, b"k" * 32, ben.entropy)
    ben.exchange.receive_key(later, sealed)
    assert later not in ben.engine.keyring.content_keys
    early = early_access_key(ben.engine.me.agree, ben.engine.space, later, sealed)
    assert early is not None
    assert (early.generation, early.n) == (later, 7)
    assert early_access_key(ana.engine.me.agree, ana.engine.space, later, sealed) is None


def test_x2_access_keys_are_the_newest_first() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, _, cleo = (Side(founded, place) for place in range(3))
    remove(ana, cleo)
    assert [key.n for key in ana.exchange.access_keys()] == [2, 1]


def test_k5_two_generations_made_at_once_leave_one_to_write_under() -> None:
    founded = found_space((Role.ADMIN, Role.ADMIN, Role.WRITER), (1, 1, 1))
    ana, ben, cleo = (Side(founded, place) for place in range(3))
    remove(ana, cleo)
    remove(ben, cleo)
    sync(ana, ben)
    milk = ana.add(title="Milk")
    eggs = ben.add(title="Eggs")
    sync(ana, ben)
    assert (ben.get(milk, "title"), ana.get(eggs, "title")) == ("Milk", "Eggs")
    assert ana.engine.keyring.current() == ben.engine.keyring.current()


def test_k5_a_key_that_is_only_lacking_here_is_no_reason_for_another_generation() -> None:
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, cleo = Side(founded, 0), Side(founded, 2)
    ben = without_keys(founded, 1)
    Acts(ana.engine, Names(ana.engine, "Work", lambda _: "")).change_role(
        cleo.engine.me.identity, Role.READER
    )
    new = [one.id for one in ana.exchange.credential_leaves()]
    ben.exchange.receive_credentials(ana.exchange.credentials(new), ana.device)
    assert ben.engine.keyring.due_ms is None
    ben.clock.ms += 10_000
    ben.engine.work()
    assert [g.n for g in ben.engine.membership.generations] == [1]
