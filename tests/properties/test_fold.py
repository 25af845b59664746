"""The membership fold on random plausible spaces, against the slow model and against itself."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.credential import Signed, decode_credential
from kithspace.core.fold import Membership
from kithspace.core.fold.graph import members_of
from kithspace.core.fold.state import fold_of
from kithspace.core.fold.view import View
from kithspace.core.fold.whole import fold, is_clean, m7_pass, segments
from kithspace.core.ids import CredentialId
from tests.models.fold_model import FoldModel
from tests.people import id_of
from tests.plausible_spaces import Space, arrivals, closed_part, plausible_space

seeds = st.integers(0, 1 << 32)
spaces = st.builds(
    lambda seed, is_calm: plausible_space(seed, is_calm=is_calm), seeds, st.booleans()
)


def model_of(signed: Sequence[Signed]) -> FoldModel:
    return FoldModel(decode_credential(one) for one in signed)


def membership_of(signed: Sequence[Signed], space: Space) -> Membership:
    return Membership.found(space.good[0]).add(signed)[0]


def kept_of(membership: Membership) -> set[CredentialId]:
    return {c.id for c in membership.credentials() if c.counts}


@given(space=spaces)
def test_m7_the_fold_keeps_what_the_model_keeps(space: Space) -> None:
    model = model_of(space.everything)
    membership = membership_of(space.everything, space)
    assert {c.id for c in membership.credentials()} == model.admissible()
    assert kept_of(membership) == model.kept()


@given(space=spaces)
def test_m11_members_and_devices_are_those_of_the_model(space: Space) -> None:
    model = model_of(space.everything)
    membership = membership_of(space.everything, space)
    assert dict(membership.members) == model.members()
    for who in membership.members:
        live = [device.sign for device in membership.devices(who)]
        assert live == model.devices(who, model.kept())


@given(space=spaces, order=seeds, cut=st.integers(1, 9))
def test_fold_order_independent(space: Space, order: int, cut: int) -> None:
    """M1, M2: any order, in batches, some of it twice."""
    at_once = membership_of(space.everything, space)
    membership, coming = Membership.found(space.good[0]), arrivals(space, order)
    for first in range(0, len(coming), cut):
        membership, _ = membership.add(coming[first : first + cut])
    assert {c[:4] for c in membership.credentials()} == {c[:4] for c in at_once.credentials()}
    assert kept_of(membership) == kept_of(at_once)
    assert dict(membership.members) == dict(at_once.members)
    assert membership.heads == at_once.heads


@given(space=spaces, order=seeds)
def test_m2_every_node_refuses_the_same(space: Space, order: int) -> None:
    membership = membership_of(arrivals(space, order), space)
    assert {c.id for c in membership.credentials()} == {id_of(one) for one in space.good}


@given(space=spaces)
def test_recounted_tells_every_change_of_counting(space: Space) -> None:
    membership = Membership.found(space.good[0])
    told = {id_of(space.good[0]): True}
    for signed in space.everything:
        membership, intake = membership.add([signed])
        told |= {c.id: c.counts for c in intake.accepted}
        told |= {c.id: c.counts for c in intake.recounted}
    assert told == {c.id: c.counts for c in membership.credentials()}


@given(space=spaces)
def test_stored_credentials_load_to_the_same_membership(space: Space) -> None:
    membership = membership_of(space.good, space)
    stored = [Signed(c.raw, c.sig) for c in membership.credentials()]
    loaded = Membership.load(membership.space, stored)
    assert kept_of(loaded) == kept_of(membership)
    assert dict(loaded.members) == dict(membership.members)


@given(space=spaces, part=seeds)
def test_clean_sets_keep_everything_and_so_do_their_parts(space: Space, part: int) -> None:
    """The short ways and the full pass agree, on the whole and on closed parts of it."""
    membership = membership_of(space.good, space)
    graph = membership._graph
    for some in (graph.everything, _bits(membership, closed_part(space, part))):
        base = 0
        for segment in segments(graph, some):
            passed = m7_pass(graph, base, segment)
            if is_clean(graph, base, segment) and segment.bit_count() > 1:
                assert passed == base | segment
            base = passed
        assert base == fold(graph, some) == fold_of(membership._state, graph, some)


@given(space=spaces)
def test_m7_a_settled_past_stays(space: Space) -> None:
    membership = membership_of(space.good, space)
    graph, kept = membership._graph, membership._kept
    for i in range(len(graph.credentials)):
        past = graph.past(i)
        rest = [j for j in range(len(graph.credentials)) if not past >> j & 1]
        if past and all(past & ~graph.past(j) == 0 for j in rest):
            assert kept & past == fold(graph, past)


@given(space=spaces, part=seeds)
def test_random_graphs_keep_an_admin(space: Space, part: int) -> None:
    """M12: no closed part of any space is without an admin that has a live device."""
    membership = membership_of(space.good, space)
    graph = membership._graph
    for some in (graph.everything, _bits(membership, closed_part(space, part))):
        assert View(graph, fold(graph, some)).has_admin()


@given(space=spaces)
def test_m10_no_invite_is_used_more_often_than_it_says(space: Space) -> None:
    membership = membership_of(space.good, space)
    graph = membership._graph
    for invite, uses in graph.uses.items():
        body = graph.credentials[graph.index[invite]].body
        assert (uses & membership._kept).bit_count() <= getattr(body, "uses", 0)


def _bits(membership: Membership, signed: Sequence[Signed]) -> int:
    found = sum(1 << membership._graph.index[id_of(one)] for one in signed)
    assert all(membership._graph.past(i) & ~found == 0 for i in members_of(found))
    return found
