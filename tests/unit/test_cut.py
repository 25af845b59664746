"""How far a feed counts: C1, C2, C3, C6 and V4, by the fold and by pure functions."""

import pytest

from kithspace.core.block import OpenRecord
from kithspace.core.credential import AcceptHeld, Head, Signed
from kithspace.core.cut import c1_length, c6_satisfied
from kithspace.core.fold import FeedRight, Membership
from kithspace.core.ids import BlockId, CredentialId, FeedId, SpaceId
from tests.people import Hands, Person, Stage, id_of
from tests.scenarios import A, B, C, D, begin

FEED = FeedId(b"f" * 32)
BRANCH = b"g" * 32


def block(seq: int) -> BlockId:
    return BlockId(bytes([seq]) * 32)


def head(seq: int, feed: bytes = FEED) -> Head:
    return Head(feed, seq, block(seq))


def opening(s: Stage, who: Person, auth: Signed, hands: Hands | None = None) -> OpenRecord:
    device = (hands or who.hands).key
    return OpenRecord(s.space, who.id, device, id_of(auth), b"", 0, 0, FEED, b"", b"")


def reach(head: Head) -> int:
    """An unforked feed of 20 blocks, every one of them known."""
    return head.seq if head.feed == FEED and head.id == block(head.seq) and head.seq <= 20 else 0


def known(*signed: Signed) -> Membership:
    return Membership.found(signed[0]).add(signed[1:])[0]


def length(m: Membership, record: OpenRecord) -> int | None:
    return c1_length(m.cuts(record), reach)


def test_c1_a_feed_that_nothing_ends_counts_wholly() -> None:
    s, base, c = begin()
    m = known(*base)
    assert m.cuts(opening(s, C, c)).is_open
    assert length(m, opening(s, C, c)) is None


def test_c1_a_removal_cuts_at_the_heads_it_lists() -> None:
    s, base, c = begin()
    m = known(*base, s.remove(A, C, c, cut=(head(7),)))
    assert length(m, opening(s, C, c)) == 7


def test_c1_a_feed_that_a_cut_does_not_list_counts_for_nothing() -> None:
    s, base, c = begin()
    assert length(known(*base, s.remove(A, C, c)), opening(s, C, c)) == 0


def test_c1_several_cuts_are_their_intersection() -> None:
    s, base, c = begin()
    cuts = [s.remove(A, C, c, cut=(head(7),)), s.remove(B, C, c, cut=(head(4),))]
    assert length(known(*base, *cuts), opening(s, C, c)) == 4


def test_c1_a_lowering_below_writer_cuts_and_one_to_writer_does_not() -> None:
    s, base, c = begin("admin")
    down = s.lower(A, C, "writer", c)
    below = s.lower(A, C, "reader", down, cut=(head(3),))
    assert length(known(*base, down), opening(s, C, c)) is None
    assert length(known(*base, down, below), opening(s, C, c)) == 3


def test_c1_a_removed_device_is_cut_and_the_others_are_not() -> None:
    s, base, c = begin()
    laptop = Hands.of("C laptop")
    update = s.update(C, [C.add(laptop)], c)
    gone = s.remove(A, C, update, device=C.hands, cut=(head(5),))
    m = known(*base, update, gone)
    assert length(m, opening(s, C, c)) == 5
    assert length(m, opening(s, C, c, laptop)) is None


def test_c1_an_update_that_removes_a_device_cuts_it() -> None:
    s, base, c = begin()
    laptop = Hands.of("C laptop")
    add = C.add(laptop)
    update = s.update(C, [add], c)
    drop = C.drop(laptop, after=[add])
    gone = s.update(C, [drop], update, cuts=[(laptop, (head(6),))])
    m = known(*base, update, gone)
    assert length(m, opening(s, C, c, laptop)) == 6
    assert length(m, opening(s, C, c)) is None


def test_c1_an_update_may_cut_one_feed_of_a_living_device() -> None:
    s, base, c = begin()
    update = s.update(C, [], c, cuts=[(C.hands, (head(2),))])
    m = known(*base, update)
    assert length(m, opening(s, C, c)) == 2
    assert m.cuts(opening(s, C, c)._replace(id=FeedId(b"h" * 32))).is_open


def test_c1_a_void_grant_or_introduction_counts_for_nothing() -> None:
    s, base, c = begin()
    d = s.admit(B, D, "writer", c)
    evil = Hands.of("B evil")
    update = s.update(B, [B.add(evil)], c)
    m = known(*base, d, update, s.remove(A, B, c))
    assert m.cuts(opening(s, D, d)).is_void
    assert m.cuts(opening(s, B, base[1], evil)).is_void
    assert (length(m, opening(s, D, d)), length(m, opening(s, B, base[1], evil))) == (0, 0)


def test_c1_a_removal_that_is_void_cuts_nothing() -> None:
    s, base, c = begin()
    by_b = s.remove(B, C, c)
    m = known(*base, by_b, s.remove(A, B, c))
    assert length(m, opening(s, C, c)) is None


def test_cut_names_hash() -> None:
    """C2: another history of the same length does not count."""
    s, base, c = begin()
    forged = Head(FEED, 7, block(9))
    m = known(*base, s.remove(A, C, c, cut=(forged,)))
    assert length(m, opening(s, C, c)) == 0


def test_c2_who_is_admitted_again_writes_to_a_new_feed_and_the_old_stays_cut() -> None:
    s, base, c = begin()
    out = s.remove(A, C, c, cut=(head(7),))
    back = s.admit(B, C, "writer", out)
    m = known(*base, out, back)
    assert m.auth_for(C.id) == id_of(back)
    assert length(m, opening(s, C, c)) == 7
    assert length(m, opening(s, C, back)) is None


def test_c1_a_cut_may_name_branches() -> None:
    s, base, c = begin()
    m = known(*base, s.remove(A, C, c, cut=(head(7), head(9, BRANCH))))
    record = opening(s, C, c)

    def on_branch(one: Head) -> int:
        return {FEED: 5, BRANCH: 9}[one.feed]

    assert c1_length(m.cuts(record, [BRANCH]), on_branch) == 9
    assert c1_length(m.cuts(record), reach) == 7


def test_c3_what_was_accepted_counts_beyond_the_cut() -> None:
    s, base, c = begin()
    out = s.remove(A, C, c, cut=(head(7),))
    accept = s.act(B, AcceptHeld((head(12),)), out)
    m = known(*base, out, accept)
    assert length(m, opening(s, C, c)) == 12
    assert m.auth_for(C.id) is None


def test_c3_what_was_accepted_counts_under_a_void_grant() -> None:
    s, base, c = begin()
    d = s.admit(B, D, "writer", c)
    out = s.remove(A, B, c)
    accept = s.act(A, AcceptHeld((head(4),)), d, out)
    assert length(known(*base, d, out, accept), opening(s, D, d)) == 4


def test_c3_a_revoker_beside_or_after_an_accept_cuts_again() -> None:
    s, base, c = begin()
    out = s.remove(A, C, c, cut=(head(7),))
    accept = s.act(A, AcceptHeld((head(12),)), out)
    beside = s.remove(B, C, c, cut=(head(9),))
    assert length(known(*base, out, accept, beside), opening(s, C, c)) == 9


@pytest.mark.parametrize(
    ("is_stored", "is_held", "expected"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
def test_c6_a_dep_that_is_stored_or_held_is_satisfied(
    is_stored: bool, is_held: bool, expected: bool
) -> None:
    assert c6_satisfied(is_stored=is_stored, is_held=is_held) is expected


def test_v4_a_feed_stands_on_a_grant_of_writer_to_its_author() -> None:
    s, base, c = begin()
    reader = s.admit(A, D, "reader", c)
    m = known(*base, reader)
    records = {
        "stands": opening(s, C, c),
        "reader": opening(s, D, reader),
        "another's": opening(s, C, base[1]),
        "no grant": opening(s, C, c)._replace(auth=CredentialId(bytes(32))),
        "unknown device": opening(s, C, c, Hands.of("nobody's")),
        "another space": opening(s, C, c)._replace(space=SpaceId(bytes(32))),
    }
    found = {name: m.may_write_feed(record) for name, record in records.items()}
    assert found == {
        "stands": FeedRight.STANDS,
        "reader": FeedRight.REFUSED,
        "another's": FeedRight.REFUSED,
        "no grant": FeedRight.UNKNOWN,
        "unknown device": FeedRight.UNKNOWN,
        "another space": FeedRight.REFUSED,
    }


def test_v4_a_void_grant_is_a_right_to_open_and_counts_for_nothing() -> None:
    s, base, c = begin()
    d = s.admit(B, D, "writer", c)
    m = known(*base, d, s.remove(A, B, c))
    assert m.may_write_feed(opening(s, D, d)) is FeedRight.STANDS
    assert m.cuts(opening(s, D, d)).is_void
