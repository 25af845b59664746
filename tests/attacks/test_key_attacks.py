"""A peer that answers with a wrong key gains nothing, and takes nothing from anybody."""

from kithspace.core.generation import seal_key
from kithspace.core.roles import Role
from kithspace.runtime.acts import Acts
from kithspace.runtime.names import Names
from kithspace.testing.founding import found_space
from tests.engines import Side


def test_bad_seal_is_healed() -> None:
    """A member's bad seal does not keep a device from the chunk that its generation names (K3)."""
    founded = found_space((Role.ADMIN, Role.WRITER, Role.WRITER), (1, 1, 1))
    ana, ben, cleo = (Side(founded, place) for place in range(3))
    acts = Acts(ana.engine, Names(ana.engine, "Work", lambda _: ""))
    acts.remove(cleo.engine.me.identity, None, "removed")
    known = {leaf.id for leaf in ben.exchange.credential_leaves()}
    new = [one.id for one in ana.exchange.credential_leaves() if one.id not in known]
    ben.exchange.receive_credentials(ana.exchange.credentials(new), ana.device)
    (hash_,) = ben.exchange.lacking_chunks()
    newest = ben.engine.membership.generations[0]
    agree = ben.engine.me.agree.public
    wrong = seal_key(agree, founded.space, newest.n, bytes(32), ben.entropy)
    ben.exchange.receive_key(newest.id, wrong)
    assert ben.exchange.lacking_chunks() == [hash_]
    chunk = ana.exchange.chunk(hash_)
    assert chunk is not None
    ben.exchange.receive_chunk(hash_, chunk)
    assert ben.exchange.lacking_keys() == []
