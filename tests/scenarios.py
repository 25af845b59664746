"""The worked scenarios of the membership rules (security.md 4.3), signed for real.

`Aa Cw` reads: A is admin, C is writer, nobody else is a member.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from kithspace.core.credential import Signed
from kithspace.core.ids import IdentityId
from kithspace.core.roles import Role
from tests.people import Hands, Person, Stage, order_of

LETTERS = {"a": Role.ADMIN, "w": Role.WRITER, "r": Role.READER, "k": Role.KEEPER}
A, B, C, D, E, F, X = (Person(name, has_phrase=name == "A") for name in "ABCDEFX")
PEOPLE = {person.id: person.name for person in (A, B, C, D, E, F, X)}


class Scenario(NamedTuple):
    """Credentials, and who is a member once all are known."""

    slug: str
    title: str
    credentials: tuple[Signed, ...]
    members: dict[IdentityId, Role]
    devices: dict[IdentityId, list[Hands]]
    """Live devices of some members, where the scenario is about them."""


class Set(NamedTuple):
    """What most scenarios begin with: A founds, admits B (admin), then C."""

    stage: Stage
    base: tuple[Signed, ...]
    last: Signed


def begin(role_of_c: str = "writer") -> Set:
    stage = Stage(A)
    b = stage.admit(A, B, "admin", stage.genesis)
    c = stage.admit(A, C, role_of_c, b)
    return Set(stage, (stage.genesis, b, c), c)


def roles(text: str) -> dict[IdentityId, Role]:
    by_name = {name: who for who, name in PEOPLE.items()}
    return {by_name[word[0]]: LETTERS[word[1]] for word in text.split()}


Made = tuple[tuple[Signed, ...], str]
WithDevices = tuple[tuple[Signed, ...], str, dict[IdentityId, list[Hands]]]


def _01() -> Made:
    s, base, c = begin()
    return (*base, s.remove(A, C, c)), "Aa Ba"


def _02() -> Made:
    s, base, c = begin()
    return (*base, s.remove(A, B, c), s.remove(B, A, c)), "Aa Cw"


def _03() -> Made:
    s, base, c = begin()
    return (*base, s.remove(A, B, c), s.admit(B, D, "writer", c)), "Aa Cw"


def _04() -> Made:
    s, base, c = begin()
    d = s.admit(B, D, "writer", c)
    return (*base, d, s.remove(A, B, d)), "Aa Cw Dw"


def _05() -> Made:
    s, base, c = begin()
    return (*base, s.lower(A, B, "writer", c), s.admit(B, D, "writer", c)), "Aa Bw Cw"


def _06() -> Made:
    s, base, c = begin()
    return (*base, s.remove(A, C, c), s.raise_(B, C, "admin", c)), "Aa Ba"


def _07() -> Made:
    s, base, c = begin()
    out = s.remove(A, C, c)
    return (*base, out, s.admit(B, C, "reader", out)), "Aa Ba Cr"


def _08() -> Made:
    s, base, c = begin()
    return (*base, s.remove(A, A, c), s.remove(B, B, c)), "Ba Cw"


def _09() -> Made:
    s, base, c = begin()
    up = s.raise_(B, C, "admin", c)
    return (*base, up, s.admit(C, D, "writer", up), s.remove(A, B, c)), "Aa Cw"


def _10() -> Made:
    s, base, c = begin()
    link = s.invite(B, "writer", c)
    return (*base, link, s.let_in(C, D, link, link), s.remove(A, B, link)), "Aa Cw"


def _11() -> Made:
    s, base, c = begin()
    link = s.invite(B, "writer", c)
    d, e = s.let_in(C, D, link, link), s.let_in(A, E, link, link)
    every = (*base, link, d, e)
    first = "Dw" if order_of(d, every) < order_of(e, every) else "Ew"
    return every, f"Aa Ba Cw {first}"


def _12() -> Made:
    s, base, c = begin("admin")
    return (*base, s.remove(A, B, c), s.remove(B, C, c), s.remove(C, A, c)), "Ca"


def _13() -> Made:
    return _lower_and_leave(lower_first=True), "Ba Cw"


def _leave_before_lower() -> Made:
    """Row 13 with the ids the other way: B's leave comes first, and voids its own lowering of C."""
    return _lower_and_leave(lower_first=False), "Ca"


def _lower_and_leave(*, lower_first: bool) -> tuple[Signed, ...]:
    """Both are B's and of one depth, so their ids decide which is stronger."""
    s, base, c = begin("admin")
    out = s.remove(C, A, c)
    while True:
        lower, leave = s.lower(B, C, "writer", out), s.remove(B, B, out)
        every = (*base, out, lower, leave)
        if (order_of(lower, every) < order_of(leave, every)) == lower_first:
            return every


def _readmitted_seeing_one() -> Made:
    s, base, c = begin()
    out = s.remove(A, C, c)
    return (*base, out, s.remove(B, C, c), s.admit(A, C, "writer", out)), "Aa Ba"


def _admitted_twice() -> Made:
    s, base, c = begin()
    return (*base, s.admit(A, D, "writer", c), s.admit(B, D, "reader", c)), "Aa Ba Cw Dw"


def _sole_founder_leaves() -> Made:
    s = Stage(A)
    return (s.genesis, s.remove(A, A, s.genesis)), "Aa"


def _senior_contests() -> Made:
    s, base, c = begin("admin")
    out = s.remove(C, A, c)
    return (*base, out, s.admit(C, D, "writer", out), s.remove(A, C, c)), "Aa Ba"


def _junior_contests() -> Made:
    s, base, c = begin("admin")
    return (*base, s.remove(A, C, c), s.remove(C, B, c)), "Aa Ba"


def _back_by_link() -> Made:
    s, base, c = begin()
    link = s.invite(A, "writer", c, uses=5)
    out = s.remove(A, C, link)
    return (*base, link, out, s.let_in(B, C, link, out)), "Aa Ba"


def _cancelled_and_used() -> Made:
    s, base, c = begin()
    link = s.invite(A, "writer", c, uses=5)
    return (*base, link, s.cancel(A, link, link), s.let_in(C, D, link, link)), "Aa Ba Cw"


def _leaving_on_an_overused_link() -> Made:
    s, base, c = begin()
    link = s.invite(A, "admin", c)
    first = s.let_in(A, D, link, link)
    known = s.admit(B, X, "writer", link)
    second = s.let_in(C, F, link, known)
    ousted = s.remove(A, D, first)
    leaves = s.remove(A, A, ousted, second), s.remove(B, B, second)
    return (*base, link, first, ousted, known, second, *leaves), "Ba Cw Xw"


def _use_that_falls_out() -> Made:
    """One use. D is let in once too often; let in again by it, later, D still is too many."""
    s, base, c = begin()
    link = s.invite(B, "writer", c)
    one, two = s.let_in(A, E, link, link), s.let_in(B, D, link, link)
    known = (*base, link, one, two)
    late = two if order_of(one, known) < order_of(two, known) else one
    who, member = (D, "Ew") if late is two else (E, "Dw")
    again = s.let_in(B, who, link, one, two)
    return (*known, again), f"Aa Ba Cw {member}"


def _expired_link() -> Made:
    s, base, c = begin()
    link = s.invite(B, "writer", c, expires_ms=s.clock + 60_000)
    late = s.let_in(C, D, link, link, time_ms=s.clock + 120_000)
    return (*base, link, late), "Aa Ba Cw"


def _thief_against_phrase() -> WithDevices:
    s, base, c = begin()
    laptop = Hands.of("A laptop")
    assert A.phrase is not None
    add = A.add(laptop)
    known = s.update(A, [add], c)
    thief = (s.remove(A, B, known), s.remove(A, C, known))
    drop = A.drop(A.hands, A.phrase, [add])
    saved = s.update(A, [drop], known, cuts=[(A.hands, ())], hands=laptop)
    return (*base, known, *thief, saved), "Aa Ba Cw", {A.id: [laptop]}


def _older_device_stays() -> WithDevices:
    s, base, c = begin()
    laptop = Hands.of("A laptop")
    add = A.add(laptop)
    known = s.update(A, [add], c)
    by_phone, by_laptop = A.drop(laptop, after=[add]), A.drop(A.hands, laptop.sign, [add])
    one = s.update(A, [by_phone], known, cuts=[(laptop, ())])
    other = s.update(A, [by_laptop], known, cuts=[(A.hands, ())], hands=laptop)
    return (*base, known, one, other), "Aa Ba Cw", {A.id: [A.hands]}


def _removed_device_backdates() -> WithDevices:
    """C's laptop removes C's phone, which has added a device of its own meanwhile."""
    s, base, c = begin()
    laptop, evil = Hands.of("C laptop"), Hands.of("C evil")
    add = C.add(laptop)
    known = s.update(C, [add], c)
    assert A.phrase is not None
    gone = s.remove(B, C, known, device=C.hands)
    backdated = s.update(C, [C.add(evil, after=[add])], known, hands=evil)
    return (*base, known, gone, backdated), "Aa Ba Cw", {C.id: [laptop]}


def _barred_device_adds_nothing() -> WithDevices:
    s, base, c = begin()
    laptop, evil = Hands.of("C laptop"), Hands.of("C evil")
    add = C.add(laptop)
    known = s.update(C, [add], c)
    gone = s.remove(A, C, known, device=C.hands)
    later = s.update(C, [C.add(evil, after=[add])], gone, hands=evil)
    return (*base, known, gone, later), "Aa Ba Cw", {C.id: [laptop]}


def _rotated() -> WithDevices:
    """B's phone gets new keys, while the old ones still admit somebody."""
    s, base, c = begin()
    new = Hands.of("B new")
    rotated = s.update(B, [B.rotate(B.hands, new)], c, cuts=[(B.hands, ())], hands=new)
    stale = s.admit(B, D, "writer", c)
    return (*base, rotated, stale), "Aa Ba Cw", {B.id: [new]}


def _last_device_of_last_admin() -> WithDevices:
    s = Stage(A)
    gone = s.update(A, [A.drop(A.hands)], s.genesis, cuts=[(A.hands, ())])
    return (s.genesis, gone), "Aa", {A.id: [A.hands]}


_NUMBERED: list[tuple[str, Callable[[], Made]]] = [
    ("A removes C", _01),
    ("A removes B | B removes A", _02),
    ("A removes B | B admits D", _03),
    ("B admits D, then A removes B", _04),
    ("A lowers B to writer | B admits D", _05),
    ("A removes C | B raises C to admin", _06),
    ("A removes C, then B admits C as reader", _07),
    ("A leaves | B leaves", _08),
    ("B raises C to admin, then C admits D, all | A removes B", _09),
    ("B invites; then C admits D by it | A removes B", _10),
    ("invite with one use: C admits D | A admits E", _11),
    ("A removes B | B removes C | C removes A", _12),
    ("C removes A; then B lowers C | B leaves", _13),
]
_FURTHER: list[tuple[str, str, Callable[[], Made | WithDevices]]] = [
    ("leave-first", "C removes A; then B leaves | B lowers C", _leave_before_lower),
    (
        "readmitted",
        "A removes C | B removes C; A readmits C, seeing one",
        _readmitted_seeing_one,
    ),
    ("admitted-twice", "A admits D as writer | B admits D as reader", _admitted_twice),
    ("sole-founder", "the sole founder leaves: refused", _sole_founder_leaves),
    ("contest", "C removes A, admits D; A contests", _senior_contests),
    ("junior-contest", "A removes C | C, junior, removes B", _junior_contests),
    ("back-by-link", "who was removed comes back by a link: refused", _back_by_link),
    ("cancelled", "A cancels | C admits D by it", _cancelled_and_used),
    ("overused-throne", "two leave, one relying on a second use", _leaving_on_an_overused_link),
    ("use-falls-out", "one use; a void admit by it is made again", _use_that_falls_out),
    ("expired", "an admit by an expired invite: refused", _expired_link),
    ("phrase", "A's stolen phone removes all | the phrase removes it", _thief_against_phrase),
    ("older-device", "two devices of A remove each other", _older_device_stays),
    ("backdated-device", "B removes C's phone | it adds a device", _removed_device_backdates),
    (
        "barred-device",
        "C's removed phone adds a device: refused",
        _barred_device_adds_nothing,
    ),
    ("rotated", "B's keys are rotated | the old ones admit D", _rotated),
    ("last-device", "the last admin's last device goes: refused", _last_device_of_last_admin),
]


@cache
def scenarios() -> tuple[Scenario, ...]:
    """All of them, the numbered ones first."""
    numbered = [(f"{n:02}", title, make) for n, (title, make) in enumerate(_NUMBERED, 1)]
    return tuple(_scenario(*row) for row in [*numbered, *_FURTHER])


def _scenario(slug: str, title: str, make: Callable[[], Made | WithDevices]) -> Scenario:
    made = make()
    devices = made[2] if len(made) == 3 else {}
    return Scenario(slug, title, made[0], roles(made[1]), devices)
