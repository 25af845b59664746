"""Random spaces in which people act within their rights as they see them, devices and all.

Each act is made on all heads, or on any few credentials: late, behind others' backs, backdated.
So contests, mutual removals, over-used links and removals of devices meet in all ways. A few acts
that nobody may let in are mixed in.
"""

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, TypeAlias

from kithspace.core.credential import (
    Settings,
    Signed,
    decode_credential,
)
from kithspace.core.fold import Membership
from kithspace.core.identity import SignedEntry
from kithspace.core.roles import Role
from tests.people import START_MS, Hands, Person, Stage, id_of

NAMES = "ABCDEF"
ROLES = ("keeper", "reader", "writer", "admin")

Act: TypeAlias = Callable[[Membership, Sequence[Signed]], Signed | None]


class Space(NamedTuple):
    """`good` passed the gate, parents first; `noise` must be refused by everybody."""

    good: list[Signed]
    noise: list[Signed]

    @property
    def everything(self) -> list[Signed]:
        return [*self.good, *self.noise]


@cache
def person(name: str) -> Person:
    return Person(name, has_phrase=name in "AC")


@cache
def hands(name: str, number: int) -> Hands:
    """Device `number` of a person; 0 is the first."""
    return person(name).hands if number == 0 else Hands.of(f"{name} {number}")


class Author:
    """Makes a plausible space, act by act."""

    def __init__(self, seed: int, *, is_calm: bool) -> None:
        self.rnd = random.Random(seed)  # noqa: S311
        self.is_calm = is_calm
        self.stage = Stage(person("A"))
        self.stage.clock += seed
        self.by_name = {person(name).id: name for name in NAMES}
        self.all_hands = {hands(n, k).key: hands(n, k) for n in NAMES for k in range(4)}
        b = self.stage.admit(person("A"), person("B"), "admin", self.stage.genesis)
        c = self.stage.admit(person("A"), person("C"), "admin", b)
        self.space = Space([self.stage.genesis, b, c], [])
        self.full = Membership.load(self.stage.space, self.space.good)

    def step(self) -> None:
        """Add one act, or noise, or nothing."""
        after = self._some_heads()
        view = Membership.load(self.stage.space, self.full.ancestry(map(id_of, after)))
        act = self.rnd.choice(self._acts(view))(view, after)
        if act is None:
            return
        grown, intake = self.full.add([act])
        if intake.accepted:
            self.full = grown
            self.space.good.append(act)
        elif intake.refused:
            self.space.noise.append(act)

    def _some_heads(self) -> list[Signed]:
        if self.rnd.random() < (0.75 if self.is_calm else 0.35):
            return [s for h in self.full.heads if (s := self.full.credential(h))]
        count = min(len(self.space.good), self.rnd.choice([1, 1, 1, 2, 2, 3]))
        return self.rnd.sample(self.space.good, count)

    def _acts(self, view: Membership) -> list[Act]:
        kinds: list[Act] = [*[self._admit] * 5, *[self._use_link] * 3, self._invite, self._setting]
        kinds += [self._add_device] * 3
        if not self.is_calm or self.rnd.random() < 0.2:
            kinds += [*[self._remove] * 5, *[self._drop_device] * 3, self._lower, self._raise]
            kinds += [self._rotate, self._bar_device, self._bar_device, self._cancel]
        return kinds if view.members else []

    # ------------------------------------------------------------ acts

    def _admit(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by, who = self._member(view, Role.ADMIN), self._outsider(view)
        if by is None or who is None:
            return None
        role = self.rnd.choice(ROLES)
        return self.stage.admit(by, who, role, *after, hands=self._hands_of(view, by))

    def _invite(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by = self._member(view, Role.ADMIN)
        if by is None:
            return None
        return self.stage.invite(
            by,
            self.rnd.choice(ROLES),
            *after,
            uses=self.rnd.choice([1, 1, 2]),
            admit_by=self.rnd.choice(["members", "members", "writers", "keepers", "admins"]),
            expires_ms=self.rnd.choice([START_MS * 2, START_MS * 2, START_MS]),
        )

    def _use_link(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by, who, link = self._member(view, Role.KEEPER), self._outsider(view), self._link(view)
        if by is None or who is None or link is None:
            return None
        return self.stage.let_in(by, who, link, *after)

    def _cancel(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by, link = self._member(view, Role.ADMIN), self._link(view)
        return self.stage.cancel(by, link, *after) if by and link else None

    def _remove(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        who = self._member(view, Role.KEEPER)
        by = self._member(view, Role.ADMIN) if self.rnd.random() < 0.8 else who
        if by is None or who is None:
            return None
        return self.stage.remove(by, who, *after, hands=self._hands_of(view, by))

    def _lower(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by, who = self._member(view, Role.ADMIN), self._member(view, Role.WRITER)
        role = self.rnd.choice(ROLES[:3])
        return self.stage.lower(by, who, role, *after) if by and who else None

    def _raise(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by, who = self._member(view, Role.ADMIN), self._member(view, Role.KEEPER)
        return (
            self.stage.raise_(by, who, self.rnd.choice(ROLES[1:]), *after) if by and who else None
        )

    def _setting(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by = self._member(view, Role.READER)
        body = Settings((("keep_days", self.rnd.randint(0, 9)),))
        return self.stage.act(by, body, *after) if by else None

    def _add_device(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        who = self._member(view, Role.KEEPER)
        if who is None:
            return None
        by, new = self._hands_of(view, who), self._fresh(who)
        entry = who.add(new, by.sign, self._entry_heads(view, who))
        return self.stage.update(who, [entry], *after, hands=self.rnd.choice([by, new]))

    def _rotate(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        who = self._member(view, Role.KEEPER)
        if who is None:
            return None
        old, new = self._hands_of(view, who), self._fresh(who)
        entry = who.rotate(old, new, self._entry_heads(view, who))
        return self.stage.update(who, [entry], *after, cuts=[(old, ())], hands=new)

    def _drop_device(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        who = self._member(view, Role.KEEPER)
        if who is None:
            return None
        gone, by = self._hands_of(view, who), self._hands_of(view, who)
        issuer = who.phrase if who.phrase and self.rnd.random() < 0.3 else by.sign
        entry = who.drop(gone, issuer, self._entry_heads(view, who))
        return self.stage.update(who, [entry], *after, cuts=[(gone, ())], hands=by)

    def _bar_device(self, view: Membership, after: Sequence[Signed]) -> Signed | None:
        by, who = self._member(view, Role.ADMIN), self._member(view, Role.KEEPER)
        if by is None or who is None:
            return None
        gone = self._hands_of(view, who)
        return self.stage.remove(by, who, *after, device=gone, hands=self._hands_of(view, by))

    # ------------------------------------------------------------ choices

    def _member(self, view: Membership, least: Role) -> Person | None:
        able = sorted(self.by_name[who] for who, role in view.members.items() if role >= least)
        return person(self.rnd.choice(able)) if able else None

    def _outsider(self, view: Membership) -> Person | None:
        names = [n for n in NAMES if view.role(person(n).id) is Role.NONE]
        return person(self.rnd.choice(names)) if names else None

    def _hands_of(self, view: Membership, who: Person) -> Hands:
        live = view.devices(who.id)
        return self.all_hands[self.rnd.choice(live).sign] if live else who.hands

    def _fresh(self, who: Person) -> Hands:
        return hands(who.name, self.rnd.randint(1, 3))

    def _entry_heads(self, view: Membership, who: Person) -> list[SignedEntry]:
        known = view.identity_entries(who.id)
        if self.rnd.random() < 0.7 or not known:
            return known[-1:] or [who.genesis]
        return [self.rnd.choice(known)]

    def _link(self, view: Membership) -> Signed | None:
        links = [invite.id for invite in view.invites]
        return view.credential(self.rnd.choice(sorted(links))) if links else None


@cache
def plausible_space(seed: int, steps: int = 14, *, is_calm: bool = False) -> Space:
    """The space of a seed; the same in every run."""
    author = Author(seed, is_calm=is_calm)
    for _ in range(steps):
        author.step()
    return author.space


def arrivals(space: Space, seed: int) -> list[Signed]:
    """Everything of a space in some order, a quarter of it twice."""
    rnd = random.Random(seed)  # noqa: S311
    every = space.everything
    several = every + rnd.sample(every, len(every) // 4)
    rnd.shuffle(several)
    return several


def closed_part(space: Space, seed: int) -> list[Signed]:
    """A random part of the good ones that holds all its parents."""
    rnd = random.Random(seed)  # noqa: S311
    by_id = {id_of(signed): signed for signed in space.good}
    todo = [id_of(s) for s in rnd.sample(space.good, rnd.randint(1, 4))]
    found = dict[bytes, Signed]()
    while todo:
        one = todo.pop()
        if one not in found:
            found[one] = by_id[one]
            todo += decode_credential(by_id[one]).parents
    return list(found.values())
