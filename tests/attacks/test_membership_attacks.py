"""Attacks on the membership of a space (security.md 15): what is signed, and what it gets."""

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import crypto
from kithspace.core.codec import encode
from kithspace.core.credential import (
    Admit,
    Invite,
    Raise,
    Settings,
    Signed,
    decode_credential,
    make_claim,
    sign_credential,
)
from kithspace.core.fold import Membership
from kithspace.core.identity import SignedEntry, decode_entry
from kithspace.core.ids import CredentialId, SpaceId
from kithspace.core.roles import Role
from kithspace.errors import CodecError
from tests.people import Hands, Person, Stage, id_of, link_keys, order_of
from tests.scenarios import A, B, C, D, E, begin


def known(*signed: Signed) -> Membership:
    return Membership.found(signed[0]).add(signed[1:])[0]


def code_of(membership: Membership, signed: Signed) -> str | None:
    _, intake = membership.add([signed])
    return intake.refused[0].code if intake.refused else None


# ---------------------------------------------------------------- removals


def test_mutual_removal() -> None:
    """Two admins remove each other: the senior stays; in a ring somebody always stays."""
    s, base, c = begin()
    m = known(*base, s.remove(A, B, c), s.remove(B, A, c))
    assert m.admins == (A.id,)
    s, base, c = begin("admin")
    ring = [s.remove(A, B, c), s.remove(B, C, c), s.remove(C, A, c)]
    assert len(known(*base, *ring).admins) == 1
    s, base, c = begin("admin")
    leaves = [s.remove(who, who, c) for who in (A, B, C)]
    assert len(known(*base, *leaves).admins) == 1


def test_backdated_admit_is_void() -> None:
    """Who is removed signs on an old past, and a colluder uses an old link of theirs."""
    s, base, c = begin()
    link = s.invite(B, "writer", base[1], uses=9)
    gone = s.remove(A, B, c, link)
    sock = s.admit(B, D, "admin", base[1])
    by_link = s.let_in(C, E, link, link, c)
    m = known(*base, link, gone, sock, by_link)
    assert (m.role(D.id), m.role(E.id)) == (Role.NONE, Role.NONE)
    late = s.admit(B, Person("X"), "writer", gone)
    assert code_of(m, late) == "E_RIGHT"


def test_backdated_removal_by_who_was_removed_is_void() -> None:
    s, base, c = begin("admin")
    gone = s.remove(A, B, c)
    revenge = [s.remove(B, C, base[2]), s.lower(B, C, "reader", base[2]), s.cancel(B, c, c)]
    m = known(*base, gone, *revenge)
    assert m.role(C.id) is Role.ADMIN


def test_rank_cannot_be_ground() -> None:
    """A junior tries ids and old parents; the senior's removal stays the stronger one."""
    s, base, c = begin()
    mine = s.remove(A, B, c)
    for parents in ([c], [base[1]], [base[1], c]):
        for _ in range(40):
            theirs = s.remove(B, A, *parents)
            m = known(*base, mine, theirs)
            assert m.admins == (A.id,)
            if order_of(theirs, [*base, mine]) < order_of(mine, [*base, theirs]):
                break


def test_contest_by_senior_only() -> None:
    """A removed senior answers with the heads from before; a junior's answer has no effect."""
    s, base, c = begin("admin")
    assert known(*base, s.remove(C, A, c), s.remove(A, C, c)).admins == tuple(sorted([A.id, B.id]))
    s, base, c = begin("admin")
    assert known(*base, s.remove(A, C, c), s.remove(C, A, c)).admins == tuple(sorted([A.id, B.id]))


def test_removed_cannot_rejoin_by_link() -> None:
    s, base, c = begin()
    link = s.invite(A, "writer", c, uses=9)
    gone = s.remove(A, C, link)
    m = known(*base, link, gone)
    assert code_of(m, s.let_in(B, C, link, gone)) == "E_RIGHT"
    assert code_of(m, s.admit(B, C, "writer", gone)) is None


def test_who_left_may_come_back_by_a_link() -> None:
    s, base, c = begin()
    link = s.invite(A, "writer", c, uses=9)
    left = s.remove(C, C, link)
    assert code_of(known(*base, link, left), s.let_in(B, C, link, left)) is None


# ---------------------------------------------------------------- links


def test_link_claims() -> None:
    """A claim is good for one identity, one invite and one space."""
    s, base, c = begin()
    link = s.invite(B, "writer", c, uses=9)
    other = s.invite(B, "writer", link, uses=9)
    m = known(*base, link, other)
    keys = link_keys("link")

    def admit(who: Person, claim: bytes) -> Signed:
        body = Admit(who.id, (who.genesis,), Role.WRITER, id_of(link), claim)
        return s.act(C, body, other)

    good = make_claim(keys, s.space, id_of(link), D.genesis)
    wrong = {
        "another identity's": make_claim(keys, s.space, id_of(link), E.genesis),
        "another invite's": make_claim(keys, s.space, id_of(other), D.genesis),
        "another space's": make_claim(keys, SpaceId(bytes(32)), id_of(link), D.genesis),
        "another key's": make_claim(link_keys("x"), s.space, id_of(link), D.genesis),
        "another label's": crypto.sign(keys.secret, "ks1/knock", b""),
    }
    assert code_of(m, admit(D, good)) is None
    assert {name: code_of(m, admit(D, claim)) for name, claim in wrong.items()} == dict.fromkeys(
        wrong, "E_CLAIM"
    )


def test_a_link_used_at_once_in_many_places_lets_in_as_many_as_it_says() -> None:
    s, base, c = begin()
    link = s.invite(B, "writer", c, uses=3)
    people = [Person(f"joiner {n}") for n in range(12)]
    m = known(*base, link, *[s.let_in(C, who, link, link) for who in people])
    assert len(m.members) == 3 + 3


def test_an_invite_gives_no_more_than_its_issuer_may() -> None:
    s, base, c = begin()
    assert code_of(known(*base), s.invite(C, "reader", c)) == "E_RIGHT"


# ---------------------------------------------------------------- devices


def test_thief_against_phrase() -> None:
    """A stolen device adds devices, removes the others and changes recovery; the phrase wins."""
    s, base, c = begin()
    laptop, evil = Hands.of("laptop"), Hands.of("evil")
    assert A.phrase is not None
    add = A.add(laptop)
    update = s.update(A, [add], c)
    m = known(*base, update)
    adds = s.update(A, [A.add(evil, after=[add])], update)
    drops = s.update(A, [A.drop(laptop, after=[add])], update, cuts=[(laptop, ())])
    saved = s.update(
        A, [A.drop(A.hands, A.phrase, [add])], update, cuts=[(A.hands, ())], hands=laptop
    )
    m, _ = m.add([adds, drops, saved])
    assert m.devices(A.id) == [laptop.device]
    assert code_of(m, s.admit(A, D, "admin", adds, drops, saved)) == "E_RIGHT"
    assert code_of(m, s.admit(A, D, "admin", adds, drops, saved, hands=evil)) == "E_RIGHT"


def test_a_barred_device_does_not_come_back_through_a_helper() -> None:
    """An admin bars a stolen phone; what it signs for another device adds nothing."""
    s, base, c = begin()
    evil = Hands.of("evil")
    gone = s.remove(A, C, c, device=C.hands)
    beside = s.update(C, [C.add(evil)], c, hands=evil)
    m = known(*base, gone, beside)
    assert m.devices(C.id) == []
    after = s.update(C, [C.add(evil)], gone, hands=evil)
    assert code_of(known(*base, gone), after) == "E_RIGHT"


def test_an_identity_cannot_be_taken_by_adding_a_foreign_device() -> None:
    """No proof of possession, or an entry of somebody else: not let in."""
    s, base, c = begin()
    m = known(*base)
    foreign = C.add(B.hands, by=B.hands.sign)
    assert code_of(m, s.update(C, [foreign], c)) == "E_RIGHT"
    unproved = SignedEntry(C.add(D.hands).raw, (C.add(D.hands).sigs[0], bytes(64)))
    assert code_of(m, s.update(C, [unproved], c)) == "E_SIGNATURE"


# ---------------------------------------------------------------- bytes


def test_cross_space_replay() -> None:
    one, other = Stage(A), Stage(B)
    theirs = other.admit(B, D, "admin", other.genesis)
    assert code_of(known(one.genesis), theirs) == "E_SPACE"


def test_cross_protocol_signature() -> None:
    """A signature of one kind is not one of another, though key and bytes are the same."""
    s, base, c = begin()
    good = s.admit(A, D, "admin", c)
    for label in ("ks1/block", "ks1/feed", "ks1/ident", "ks1/hello"):
        forged = Signed(good.raw, crypto.sign(A.hands.sign.secret, label, good.raw))
        assert code_of(known(*base), forged) == "E_SIGNATURE"


def test_a_writer_grants_itself_nothing() -> None:
    s, base, c = begin()
    m = known(*base)
    for act in (
        s.raise_(C, C, "admin", c),
        s.admit(C, D, "admin", c),
        s.remove(C, A, c),
        s.act(C, Settings((("history", "from-join"),)), c),
        s.act(C, Invite(bytes(32), None, Role.READER, 1, 0, "admins"), c),
    ):
        assert code_of(m, act) == "E_RIGHT"


def test_floods_bounded() -> None:
    """Credentials without known parents, and garbage, take bounded room and raise nothing."""
    s, base, c = begin()
    m = known(*base)
    lost = CredentialId(bytes(32))
    flood = [
        sign_credential(s.space, [lost], D.id, D.hands.sign, n, Raise(D.id, Role.ADMIN))
        for n in range(1_500)
    ]
    m, intake = m.add(flood)
    assert intake.waiting == (lost,)
    assert len(m._waiting) == 1_000
    m, intake = m.add([s.admit(A, D, "reader", c)])
    assert intake.has_grown


def test_bombs_in_credentials() -> None:
    _, base, _ = begin()
    m = known(*base)
    deep = b"\x81" * 60_000 + b"\x00"
    wide = b"\x9b" + (1 << 40).to_bytes(8, "big")
    for raw in (deep, wide, encode([1] * 5_000), bytes(65_537)):
        _, intake = m.add([Signed(raw, bytes(64))])
        assert [one.code for one in intake.refused] in (["E_ENCODING"], ["E_LIMIT"])


@given(raw=st.binary(max_size=300))
def test_bytes_raise_nothing_but_codec_errors(raw: bytes) -> None:
    for read in (
        lambda: decode_credential(Signed(raw, bytes(64))),
        lambda: decode_entry(SignedEntry(raw, ())),
    ):
        try:
            read()
        except CodecError:
            continue


@given(data=st.data())
def test_damaged_credentials_are_refused_or_set_aside(data: st.DataObject) -> None:
    """One byte changed anywhere: never let in, never an exception."""
    s, base, c = begin()
    good = s.admit(A, D, "admin", c)
    at = data.draw(st.integers(0, len(good.raw) - 1))
    flip = data.draw(st.integers(1, 255))
    raw = good.raw[:at] + bytes([good.raw[at] ^ flip]) + good.raw[at + 1 :]
    _, intake = known(*base).add([Signed(raw, good.sig)])
    assert intake.accepted == ()
    assert len(intake.refused) + len(intake.aside) == 1
