"""Membership rules M1-M14, by example; the scenarios and the random spaces are in properties."""

import pytest

from kithspace.core.codec import encode
from kithspace.core.credential import (
    AcceptHeld,
    Admit,
    Checkpoint,
    Cosign,
    Genesis,
    IdentityUpdate,
    Invite,
    Purge,
    Settings,
    Signed,
    decode_credential,
    make_claim,
    sign_credential,
)
from kithspace.core.crypto import sign
from kithspace.core.fold import Membership
from kithspace.core.fold.authority import QUOTA
from kithspace.core.fold.growth import MAX_WAITING
from kithspace.core.fold.removal import m6_rank
from kithspace.core.fold.view import View, m5_since
from kithspace.core.ids import CredentialId, GenerationId
from kithspace.core.roles import Role
from kithspace.errors import CodecError
from tests.people import START_MS, Hands, Person, Stage, id_of, link_keys
from tests.scenarios import A, B, C, D, E, begin


def known(*signed: Signed) -> Membership:
    membership, intake = Membership.found(signed[0]).add(signed[1:])
    assert not intake.waiting
    return membership


def code_of(membership: Membership, signed: Signed) -> str | None:
    """Why a credential is refused; None if it is let in."""
    _, intake = membership.add([signed])
    return intake.refused[0].code if intake.refused else None


# ---------------------------------------------------------------- M1, M2


def test_m1_a_credential_waits_for_its_parents() -> None:
    s, base, c = begin()
    d = s.admit(A, D, "reader", c)
    membership, intake = Membership.found(base[0]).add([d])
    assert (intake.accepted, intake.waiting) == ((), (id_of(c),))
    membership, intake = membership.add(base[1:])
    assert [one.id for one in intake.accepted][-1] == id_of(d)
    assert intake.waiting == ()


def test_m1_what_waits_is_bounded() -> None:
    s = Stage(A)
    lost = s.admit(A, B, "admin", s.genesis)
    flood = [s.act(B, Settings((("keep_days", n),)), lost) for n in range(MAX_WAITING + 9)]
    membership, intake = Membership.found(s.genesis).add(flood)
    assert intake.waiting == (id_of(lost),)
    membership, intake = membership.add([lost])
    assert len(intake.accepted) == 1 + MAX_WAITING


def test_m2_descendants_of_a_refused_one_are_refused() -> None:
    s, base, c = begin()
    bad = s.raise_(C, C, "admin", c)
    child = s.admit(A, D, "reader", bad)
    _, intake = known(*base).add([child, bad])
    assert {(one.id, one.code) for one in intake.refused} == {
        (id_of(bad), "E_RIGHT"),
        (id_of(child), "E_PARENT"),
    }


def test_m2_a_bad_signature_condemns_one_copy_only() -> None:
    s, base, c = begin()
    good = s.admit(A, D, "reader", c)
    membership, intake = known(*base).add([Signed(good.raw, bytes(64))])
    assert (intake.refused[0].code, intake.refused[0].score) == ("E_SIGNATURE", -50)
    _, intake = membership.add([Signed(good.raw, bytes(64)), good])
    assert [one.id for one in intake.accepted] == [id_of(good)]


def test_m2_another_space_is_refused() -> None:
    other = Stage(B)
    _, base, _ = begin()
    assert code_of(known(*base), other.genesis) == "E_SPACE"


def test_m2_known_ones_are_taken_without_a_word() -> None:
    _, base, _ = begin()
    membership = known(*base)
    again, intake = membership.add(base)
    assert again is membership
    assert not intake.has_grown


def test_unknown_kinds_and_versions_are_set_aside() -> None:
    s, base, c = begin()
    later = encode([2, s.space, "later", [id_of(c)], A.id, A.hands.sign.public, 1, []])
    signed = Signed(later, sign(A.hands.sign.secret, "ks1/cred", later))
    membership, intake = known(*base).add([signed])
    assert intake.aside == (signed,)
    assert len(membership) == 3


@pytest.mark.parametrize("raw", [b"", b"\xff", b"\x80", b"\x88" + bytes(8), bytes(70_000)])
def test_garbage_is_refused_and_never_raises(raw: bytes) -> None:
    _, base, _ = begin()
    _, intake = known(*base).add([Signed(raw, bytes(64))])
    assert len(intake.refused) + len(intake.aside) == 1


def test_a_space_begins_with_an_authentic_genesis() -> None:
    s, _, c = begin()
    for wrong in (c, Signed(s.genesis.raw, bytes(64))):
        with pytest.raises(CodecError):
            Membership.found(wrong)


def test_a_genesis_is_signed_by_a_device_of_its_founder() -> None:
    body = Genesis((A.genesis,), (), bytes(16))
    with pytest.raises(CodecError):
        Membership.found(sign_credential(None, (), A.id, B.hands.sign, 1, body))


# ---------------------------------------------------------------- M3, M5, M6


def test_m3_the_newest_word_about_somebody_is_the_role() -> None:
    s, base, c = begin()
    up = s.raise_(A, C, "admin", c)
    down = s.lower(B, C, "reader", up)
    assert known(*base, up).role(C.id) is Role.ADMIN
    assert known(*base, up, down).role(C.id) is Role.READER


def test_m3_of_concurrent_words_a_removal_beats_a_grant() -> None:
    s, base, c = begin()
    both = known(*base, s.raise_(A, C, "admin", c), s.lower(B, C, "keeper", c))
    assert both.role(C.id) is Role.KEEPER


def test_m3_of_concurrent_lowerings_the_lowest_role_stays() -> None:
    s, base, c = begin()
    both = known(*base, s.lower(A, C, "reader", c), s.lower(B, C, "keeper", c))
    assert both.role(C.id) is Role.KEEPER


def test_m5_seniority_is_the_first_standing_grant_of_admin() -> None:
    s, base, c = begin()
    down = s.lower(A, B, "writer", c)
    up = s.raise_(A, B, "admin", down)
    m = known(*base, down, up)
    view = View(m._graph, m._kept)
    assert m5_since(view, B.id)[1] == id_of(up)
    assert m5_since(view, A.id)[1] == id_of(base[0])
    assert m5_since(view, C.id) > m5_since(view, B.id)


def test_m6_rank_is_seniority_then_the_hand_then_the_order() -> None:
    s, base, c = begin()
    laptop = Hands.of("A laptop")
    add = s.update(A, [A.add(laptop)], c)
    by_phone = s.remove(A, C, add)
    by_laptop = s.remove(A, C, add, hands=laptop)
    by_b = s.remove(B, C, add)
    m = known(*base, add)
    view = View(m._graph, m._kept)

    def rank(signed: Signed) -> object:
        from kithspace.core.credential import decode_credential

        return m6_rank(decode_credential(signed), (9, id_of(signed)), view)

    assert sorted([by_b, by_laptop, by_phone], key=rank) == [by_phone, by_laptop, by_b]  # type: ignore[arg-type]


def test_m6_an_update_has_the_rank_of_who_signed_the_removing_entry() -> None:
    s, base, c = begin()
    laptop = Hands.of("A laptop")
    add = A.add(laptop)
    update = s.update(A, [add], c)
    m = known(*base, update)
    view = View(m._graph, m._kept)
    assert A.phrase is not None
    entry = A.drop(A.hands, A.phrase, [add])
    signed = s.update(A, [entry], update, cuts=[(A.hands, ())], hands=laptop)
    assert m6_rank(decode_credential(signed), (9, b""), view)[1] == 0


def test_m6_carrying_a_stronger_hands_entry_along_gains_nothing() -> None:
    s, base, c = begin()
    laptop, tablet = Hands.of("A laptop"), Hands.of("A tablet")
    first = A.add(laptop)
    second = A.add(tablet, after=[first])
    update = s.update(A, [first, second], c)
    m = known(*base, update)
    assert A.phrase is not None
    strong = A.drop(laptop, A.phrase, [second])
    weak = A.drop(A.hands, tablet.sign, [second])
    cuts = [(laptop, ()), (A.hands, ())]
    signed = s.update(A, [strong, weak], update, cuts=cuts, hands=tablet)
    rank = m6_rank(decode_credential(signed), (9, b""), View(m._graph, m._kept))
    assert rank[1] == 2 + 2


# ---------------------------------------------------------------- M4


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("admin", {"admit", "raise", "lower", "remove", "invite", "settings", "accept", "purge"}),
        ("writer", {"purge"}),
        ("reader", set()),
        ("keeper", set()),
    ],
)
def test_m4_the_table_of_who_may_what(role: str, may: set[str]) -> None:
    s, base, c = begin()
    d = s.admit(A, D, role, c)
    m = known(*base, d)
    acts = {
        "admit": s.admit(D, E, "reader", d),
        "raise": s.raise_(D, C, "admin", d),
        "lower": s.lower(D, C, "reader", d),
        "remove": s.remove(D, C, d),
        "invite": s.invite(D, "reader", d),
        "settings": s.act(D, Settings((("keep_days", 1),)), d),
        "accept": s.act(D, AcceptHeld(()), d),
        "purge": s.act(D, Purge((), ()), d),
    }
    assert {name for name, act in acts.items() if code_of(m, act) is None} == may


def test_m4_everybody_may_leave_step_down_and_update() -> None:
    s, base, c = begin()
    for act in (s.remove(C, C, c), s.lower(C, C, "reader", c), s.update(C, [], c)):
        assert code_of(known(*base), act) is None


def test_m4_nobody_is_admitted_twice_or_raised_downwards() -> None:
    s, base, c = begin()
    for act in (s.admit(A, C, "admin", c), s.raise_(A, B, "writer", c), s.raise_(A, D, "admin", c)):
        assert code_of(known(*base), act) == "E_RIGHT"


def test_m4_who_is_no_member_cannot_be_lowered_or_removed() -> None:
    s, base, c = begin()
    for act in (s.remove(A, D, c), s.lower(A, D, "reader", c), s.lower(A, C, "admin", c)):
        assert code_of(known(*base), act) == "E_RIGHT"


def test_m4_a_device_of_somebody_else_signs_nothing() -> None:
    s, base, c = begin()
    assert code_of(known(*base), s.admit(A, D, "reader", c, hands=C.hands)) == "E_RIGHT"


def test_m4_a_removed_device_signs_nothing() -> None:
    s, base, c = begin()
    laptop = Hands.of("A laptop")
    add = A.add(laptop)
    one = s.update(A, [add], c)
    two = s.update(
        A, [A.drop(A.hands, laptop.sign, [add])], one, cuts=[(A.hands, ())], hands=laptop
    )
    m = known(*base, one, two)
    assert m.devices(A.id) == [laptop.device]
    assert code_of(m, s.admit(A, D, "reader", two)) == "E_RIGHT"
    assert code_of(m, s.admit(A, D, "reader", two, hands=laptop)) is None


def test_m4_a_barred_device_signs_nothing_and_the_others_do() -> None:
    s, base, c = begin()
    laptop = Hands.of("B laptop")
    one = s.update(B, [B.add(laptop)], c)
    bar = s.remove(A, B, one, device=B.hands)
    m = known(*base, one, bar)
    assert m.owner(B.hands.key) is None
    assert m.owner(laptop.key) == B.id
    assert code_of(m, s.admit(B, D, "reader", bar)) == "E_RIGHT"
    assert code_of(m, s.admit(B, D, "reader", bar, hands=laptop)) is None


def test_m4_a_new_device_may_publish_its_own_entry() -> None:
    s, base, c = begin()
    laptop = Hands.of("C laptop")
    assert code_of(known(*base), s.update(C, [C.add(laptop)], c, hands=laptop)) is None


@pytest.mark.parametrize(
    ("admit_by", "able"),
    [
        ("admins", {"admin"}),
        ("writers", {"admin", "writer"}),
        ("members", {"admin", "writer", "reader"}),
        ("keepers", {"admin", "writer", "reader", "keeper"}),
    ],
)
def test_m4_admit_by_says_who_lets_in_by_an_invite(admit_by: str, able: set[str]) -> None:
    for role in ("admin", "writer", "reader", "keeper"):
        s, base, c = begin(role)
        link = s.invite(B, "reader", c, admit_by=admit_by)
        code = code_of(known(*base, link), s.let_in(C, D, link, link))
        assert (code is None) == (role in able)


def test_m4_an_invite_lets_in_with_its_own_role_only() -> None:
    s, base, c = begin()
    link = s.invite(B, "reader", c)
    claim = make_claim(link_keys("link"), s.space, id_of(link), D.genesis)
    body = Admit(D.id, (D.genesis,), Role.WRITER, id_of(link), claim)
    assert code_of(known(*base, link), s.act(C, body, link)) == "E_RIGHT"


def test_m4_an_expired_or_cancelled_invite_lets_nobody_in() -> None:
    s, base, c = begin()
    link = s.invite(B, "reader", c, expires_ms=START_MS + 100_000)
    in_time = s.let_in(C, D, link, link, time_ms=START_MS + 100_000)
    late = s.let_in(C, D, link, link, time_ms=START_MS + 100_001)
    cancel = s.cancel(B, link, link)
    m = known(*base, link)
    assert (code_of(m, in_time), code_of(m, late)) == (None, "E_RIGHT")
    assert code_of(known(*base, link, cancel), s.let_in(C, D, link, cancel)) == "E_RIGHT"


def test_m4_an_invite_of_somebody_who_lost_admin_lets_nobody_in() -> None:
    s, base, c = begin()
    link = s.invite(B, "reader", c)
    down = s.lower(A, B, "writer", link)
    assert code_of(known(*base, link, down), s.let_in(C, D, link, down)) == "E_RIGHT"


def test_m4_only_admins_and_the_inviter_cancel() -> None:
    s, base, c = begin()
    link = s.invite(B, "reader", c)
    down = s.lower(A, B, "reader", link)
    m = known(*base, link, down)
    cancels = {who.name: code_of(m, s.cancel(who, link, down)) for who in (A, B, C)}
    assert cancels == {"A": None, "B": None, "C": "E_RIGHT"}


def test_m4_a_cosign_names_a_checkpoint() -> None:
    s, base, c = begin()
    digest = bytes(32)
    body = Checkpoint((id_of(c),), None, digest, digest, digest, 0, GenerationId(bytes(16)))
    point = s.act(C, body, c)
    m = known(*base, point)
    assert code_of(m, s.act(B, Cosign(id_of(point)), point)) is None
    assert code_of(m, s.act(B, Cosign(id_of(c)), point)) == "E_RIGHT"


# ---------------------------------------------------------------- M8 to M12


def test_m8_a_lowering_voids_only_what_needs_more_than_the_new_role() -> None:
    s, base, c = begin()
    update, invite = s.update(B, [], c), s.invite(B, "reader", c)
    m = known(*base, update, invite, s.lower(A, B, "writer", c))
    assert (m.counts(id_of(update)), m.counts(id_of(invite))) == (True, False)


def test_m8_what_is_in_the_past_of_a_removal_stays() -> None:
    s, base, c = begin()
    d = s.admit(B, D, "writer", c)
    assert known(*base, d, s.remove(A, B, d)).counts(id_of(d))


def test_m9_who_was_admitted_by_a_void_act_was_not_admitted() -> None:
    s, base, c = begin()
    d = s.admit(B, D, "admin", c)
    e = s.admit(D, E, "writer", d)
    m = known(*base, d, e, s.remove(A, B, c))
    assert (m.role(D.id), m.role(E.id)) == (Role.NONE, Role.NONE)


def test_m10_the_first_uses_by_order_stay() -> None:
    s, base, c = begin()
    link = s.invite(B, "reader", c, uses=2)
    uses = [s.let_in(C, who, link, link) for who in (D, E, Person("X"), Person("Y"))]
    m = known(*base, link, *uses)
    assert [m.counts(one) for one in sorted(map(id_of, uses))] == [True, True, False, False]


def test_m10_a_use_after_the_last_one_is_void() -> None:
    s, base, c = begin()
    link = s.invite(B, "reader", c)
    one = s.let_in(C, D, link, link)
    two = s.let_in(C, E, link, one)
    m = known(*base, link, one, two)
    assert (m.role(D.id), m.role(E.id)) == (Role.READER, Role.NONE)
    assert m.invites == ()


def test_m11_settings_have_defaults_and_the_newest_wins() -> None:
    s, base, c = begin()
    one = s.act(A, Settings((("keep_days", 5),)), c)
    two = s.act(B, Settings((("rotate_days", 9),)), one)
    three = s.act(B, Settings((("keep_days", 7),)), two)
    found = known(*base, one, two, three).settings
    assert (found["keep_days"], found["rotate_days"], found["min_age_days"]) == (7, 9, 30)


def test_m11_of_concurrent_settings_the_greatest_by_order_wins() -> None:
    s, base, c = begin()
    acts = [s.act(who, Settings((("keep_days", n),)), c) for who, n in ((A, 5), (B, 7))]
    greatest = max(acts, key=id_of)
    assert known(*base, *acts).settings["keep_days"] == (5 if greatest is acts[0] else 7)


def test_m11_of_concurrent_security_settings_the_strictest_wins() -> None:
    s, base, c = begin()
    acts = [s.act(A, Settings((("history", text),)), c) for text in ("all", "from-join")]
    acts += [s.act(B, Settings((("extra_signers", n),)), c) for n in (3, 1)]
    found = known(*base, *acts).settings
    assert (found["history"], found["extra_signers"]) == ("from-join", 3)


def test_m12_the_last_admin_can_neither_leave_nor_be_lowered() -> None:
    s = Stage(A)
    b = s.admit(A, B, "writer", s.genesis)
    m = known(s.genesis, b)
    for act in (s.remove(A, A, b), s.lower(A, A, "writer", b), s.remove(A, A, b, device=A.hands)):
        assert code_of(m, act) == "E_RIGHT"
        assert not m.allows(act)


def test_m12_an_admin_without_a_live_device_holds_no_throne() -> None:
    s, base, c = begin()
    bar = s.remove(A, B, c, device=B.hands)
    assert code_of(known(*base, bar), s.remove(A, A, bar)) == "E_RIGHT"


def test_m13_void_credentials_are_listed() -> None:
    s, base, c = begin()
    d = s.admit(B, D, "writer", c)
    assert known(*base, d, s.remove(A, B, c)).void == (id_of(d),)


def test_m14_a_device_that_is_no_admins_has_a_quota() -> None:
    s, base, last = begin()
    updates = []
    for _ in range(QUOTA + 1):
        last = s.update(C, [], last)
        updates.append(last)
    m = known(*base, *updates)
    assert code_of(m, s.update(C, [], last)) == "E_QUOTA"
    assert code_of(m, s.update(B, [], last)) is None


# ---------------------------------------------------------------- questions


def test_owners_devices_and_entries() -> None:
    s, base, c = begin()
    laptop = Hands.of("C laptop")
    add = C.add(laptop)
    m = known(*base, s.update(C, [add], c))
    assert [live.device.sign for live in m.all_live_devices()] == sorted(
        [A.hands.key, B.hands.key, C.hands.key, laptop.key]
    )
    assert m.owner(laptop.key) == C.id
    assert m.owner(D.hands.key) is None
    assert m.identity_entries(C.id) == [C.genesis, add]
    assert len(m.identity_heads(C.id)) == 1


def test_live_invites_are_those_by_which_somebody_can_be_let_in() -> None:
    s, base, c = begin()
    link = s.invite(B, "reader", c, uses=2)
    gone = s.invite(B, "reader", link)
    cancel = s.cancel(A, gone, gone)
    used = s.let_in(C, D, link, cancel)
    live = known(*base, link, gone, cancel, used).invites
    assert [(one.id, one.used) for one in live] == [(id_of(link), 1)]


def test_a5_more_than_sixteen_heads_are_joined_first() -> None:
    s, base, c = begin()
    m = known(*base, *[s.act(A, Settings((("keep_days", n),)), c) for n in range(40)])
    assert len(m.heads) == 40
    for joined in m.merge_heads(A.id, A.hands.sign, START_MS):
        m, intake = m.add([joined])
        assert intake.has_grown
    made = m.make(IdentityUpdate(()), A.id, A.hands.sign, START_MS)
    m, _ = m.add([made])
    assert m.heads == (id_of(made),)


def test_ancestry_gives_parents_first_and_nothing_else() -> None:
    s, base, c = begin()
    d, e = s.admit(A, D, "reader", c), s.admit(A, E, "reader", c)
    m = known(*base, d, e)
    assert m.ancestry([id_of(d), CredentialId(bytes(32))]) == [*base, d]


def test_an_added_one_leaves_the_value_before_as_it_was() -> None:
    s, base, c = begin()
    before = known(*base)
    after, _ = before.add([s.admit(A, D, "reader", c)])
    other, _ = before.add([s.admit(A, E, "reader", c)])
    assert (len(before), before.role(D.id)) == (3, Role.NONE)
    assert (after.role(D.id), after.role(E.id)) == (Role.READER, Role.NONE)
    assert (other.role(D.id), other.role(E.id)) == (Role.NONE, Role.READER)


def test_an_invite_body_is_what_was_said() -> None:
    s, base, c = begin()
    link = s.invite(B, "keeper", c, uses=3, admit_by="keepers")
    body = known(*base, link).invites[0].body
    assert isinstance(body, Invite)
    assert (body.role, body.uses, body.admit_by) == (Role.KEEPER, 3, "keepers")
