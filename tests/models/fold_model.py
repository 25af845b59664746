"""The membership rules, slowly: a reference model for `kithspace.core.fold` and `identity_log`.

Written for reading and comparing: frozen sets instead of bit sets, no segments, no clean sets, no
memory but one table of folds. It takes decoded credentials whose signatures are good and answers
which are admissible, which count, and who is a member with which devices. Nothing of
`kithspace.core.fold` is used.
"""

from collections.abc import Iterable
from typing import TypeAlias

from kithspace.core.credential import (
    Admit,
    Cancel,
    Checkpoint,
    Cosign,
    Credential,
    Genesis,
    IdentityUpdate,
    Invite,
    KeyGeneration,
    Lower,
    Purge,
    Raise,
    Remove,
)
from kithspace.core.identity import (
    AddDevice,
    Entry,
    EntryGenesis,
    RemoveDevice,
    RotateDevice,
    SetRecovery,
)
from kithspace.core.ids import CredentialId, DeviceKey, IdentityId
from kithspace.core.roles import ADMIT_BY, Role

Set: TypeAlias = frozenset[CredentialId]
Entries: TypeAlias = frozenset[bytes]
Key: TypeAlias = tuple[int, bytes]
NEVER: Key = (1 << 60, b"")
MOST_DEVICES = 32


class Ancestry:
    """Pasts and the order (depth, id) of anything that has an id and parents."""

    def __init__(self, parents: dict[bytes, tuple[bytes, ...]]) -> None:
        self._parents = parents
        self._pasts: dict[bytes, frozenset[bytes]] = {}
        self._depths: dict[bytes, int] = {}

    def past(self, one: bytes) -> frozenset[bytes]:
        if one not in self._pasts:
            direct = self._parents[one]
            self._pasts[one] = frozenset(direct).union(*(self.past(p) for p in direct))
        return self._pasts[one]

    def key(self, one: bytes) -> Key:
        if one not in self._depths:
            self._depths[one] = 1 + max((self.key(p)[0] for p in self._parents[one]), default=-1)
        return self._depths[one], one

    def order(self, several: Iterable[bytes]) -> list[bytes]:
        return sorted(several, key=self.key)

    def newest(self, several: Iterable[bytes]) -> list[bytes]:
        found = list(several)
        return [one for one in found if not any(one in self.past(other) for other in found)]

    def concurrent(self, one: bytes, other: bytes) -> bool:
        return one != other and one not in self.past(other) and other not in self.past(one)


class IdentityModel:
    """I1 to I8 over the entries of one identity."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = {entry.id: entry for entry in entries}
        self.ancestry = Ancestry({e.id: e.parents for e in self.entries.values()})

    def fold(self, given: Entries) -> Entries:
        """I4, I5."""
        void: set[bytes] = set()
        done: set[bytes] = set()
        revokers = [e for e in self.ancestry.order(given) if self.entries[e].removed is not None]
        revokers.sort(key=lambda e: self.rank(given, self.entries[e].issuer))  # stable: then order
        for r in revokers:
            done.add(r)
            past = (self.ancestry.past(r) & given) - void
            if r in void or not self.stands(r, self.replay(past, frozenset(void))):
                void.add(r)
                continue
            gone = self.entries[r].removed
            for e in given - done:
                if self.entries[e].issuer == gone and self.ancestry.concurrent(e, r):
                    void.add(e)
        return self.replay(given, frozenset(void))

    def replay(self, given: Entries, void: Entries) -> Entries:
        kept: set[bytes] = set()
        for e in self.ancestry.order(given - void):
            if self.stands(e, frozenset(kept) & self.ancestry.past(e)):
                kept.add(e)
        return frozenset(kept)

    def live(self, kept: Entries) -> list[DeviceKey]:
        """Devices added and not removed, oldest first."""
        removed = {self.entries[e].removed for e in kept}
        added = [self.entries[e].introduced for e in self.ancestry.order(kept)]
        keys = dict.fromkeys(d.sign for d in added if d is not None)
        return sorted((k for k in keys if k not in removed), key=lambda k: self.rank(kept, k))

    def recovery(self, kept: Entries) -> bytes | None:
        key = None
        for e in self.ancestry.order(kept):
            body = self.entries[e].body
            if isinstance(body, EntryGenesis):
                key = body.recovery
            elif isinstance(body, SetRecovery):
                key = body.phrase
        return key

    def stands(self, one: bytes, kept: Entries) -> bool:
        entry = self.entries[one]
        live = self.live(kept)
        phrase = self.recovery(kept)
        is_device, is_phrase = entry.issuer in live, phrase is not None and entry.issuer == phrase
        if isinstance(entry.body, EntryGenesis):
            return True
        if isinstance(entry.body, SetRecovery):
            return is_phrase or (phrase is None and live[:1] == [entry.issuer])
        if isinstance(entry.body, RemoveDevice):
            return is_device or is_phrase
        if isinstance(entry.body, AddDevice | RotateDevice):
            ever = {d.sign for e in kept if (d := self.entries[e].introduced) is not None}
            ever |= {gone for e in kept if (gone := self.entries[e].removed) is not None}
            adds = isinstance(entry.body, AddDevice)
            may = is_device or (is_phrase and adds)
            fits = not adds or len(live) < MOST_DEVICES
            return may and fits and entry.body.device.sign not in ever
        return is_device

    def rank(self, given: Entries, key: bytes) -> int:
        """I3: the phrase 0, devices 2 and up; a rotated device keeps its place."""
        places: dict[bytes, int] = {}
        for e in self.ancestry.order(given):
            body = self.entries[e].body
            if isinstance(body, EntryGenesis | AddDevice):
                places.setdefault(body.device.sign, len(places))
            elif isinstance(body, RotateDevice) and body.old in places:
                places.setdefault(body.device.sign, places[body.old])
        return 2 + places[key] if key in places else 0

    def admissible(self, one: bytes) -> bool:
        """I1."""
        return self.stands(one, self.fold(self.ancestry.past(one)))


class FoldModel:
    """M1 to M12 over the credentials of one space."""

    def __init__(self, credentials: Iterable[Credential]) -> None:
        self.credentials = {c.id: c for c in credentials}
        self.ancestry = Ancestry({c.id: c.parents for c in self.credentials.values()})
        everyone = {e.identity: None for c in self.credentials.values() for e in c.entries}
        self.identities = {
            who: IdentityModel(
                e for c in self.credentials.values() for e in c.entries if e.identity == who
            )
            for who in everyone
        }
        self._folds: dict[Set, Set] = {}
        self._admissible: dict[CredentialId, bool] = {}

    # ------------------------------------------------------------ results

    def admissible(self) -> Set:
        """M1, M2: what every node lets in."""
        return frozenset(c for c in self.credentials if self.m2(c))

    def kept(self) -> Set:
        """E of everything admissible."""
        return self.fold(self.admissible())

    def members(self) -> dict[IdentityId, Role]:
        """M11."""
        kept = self.kept()
        roles = {who: self.role(who, kept) for who in self.identities}
        return {who: role for who, role in roles.items() if role is not Role.NONE}

    def devices(self, who: IdentityId, view: Set, more: Iterable[Entry] = ()) -> list[DeviceKey]:
        """Live by the identity's own entries in the view, less those barred there."""
        if who not in self.identities:
            return []
        model = self.identities[who]
        given = {e.id for c in view for e in self.credentials[c].entries if e.identity == who}
        given |= {e.id for e in more}
        bodies = [self.credentials[c].body for c in view]
        barred = {b.device for b in bodies if isinstance(b, Remove) and b.identity == who}
        return [d for d in model.live(model.fold(frozenset(given))) if d not in barred]

    # ------------------------------------------------------------ rules

    def m2(self, one: CredentialId) -> bool:
        """M2: asks only the past."""
        if one not in self._admissible:
            c = self.credentials[one]
            if not all(p in self.credentials for p in c.parents):
                return False  # M1: waits
            good = all(self.m2(p) for p in c.parents) and self._entries_follow(c)
            past = self.past(one)
            self._admissible[one] = good and self.authorised(c, self.fold(past))
        return self._admissible[one]

    def role(self, who: IdentityId, view: Set) -> Role:
        """M3."""
        newest = self.ancestry.newest(c for c in view if self._sets_role_of(c) == who)
        taken = [self._role_after(self.credentials[CredentialId(c)]) for c in newest]
        is_demotion = [self._is_demotion(self.credentials[CredentialId(c)]) for c in newest]
        if any(is_demotion):
            return min(r for r, low in zip(taken, is_demotion, strict=True) if low)
        return max(taken, default=Role.NONE)

    def since(self, who: IdentityId, view: Set) -> Key:
        """M5."""
        about = [c for c in view if self._sets_role_of(c) == who]
        demotions = [c for c in about if self._is_demotion(self.credentials[c])]
        made = [
            self.ancestry.key(c)
            for c in about
            if not self._is_demotion(self.credentials[c])
            and self._role_after(self.credentials[c]) is Role.ADMIN
            and not any(c in self.past(d) for d in demotions)
        ]
        return min(made, default=NEVER)

    def rank(self, r: CredentialId) -> tuple[Key, int, Key]:
        """M6."""
        c, view = self.credentials[r], self.fold(self.past(r))
        model = self.identities[c.issuer]
        given = {e.id for o in view for e in self.credentials[o].entries if e.identity == c.issuer}
        if isinstance(c.body, IdentityUpdate):
            given |= {e.id for e in c.entries}
            hands = [e.issuer for e in c.entries if e.removed is not None]
        else:
            hands = [c.device]
        hand = max(model.rank(frozenset(given), key) for key in hands)
        return self.since(c.issuer, view), hand, self.ancestry.key(r)

    def fold(self, found: Set) -> Set:
        """M7 over what is not settled, on top of what was kept of the settled part."""
        if found not in self._folds:
            settled = self.settled_part(found)
            base = self.fold(settled) if settled else frozenset[CredentialId]()
            self._folds[found] = self._without_ghosts(base, found - settled)
        return self._folds[found]

    def settled_part(self, found: Set) -> Set:
        """The greatest part that is less than all and that all the rest has in its past."""
        parts = {self.past(c) for c in found}
        settled = [p for p in parts if all(p <= self.past(c) for c in found - p)]
        return max(settled, key=len, default=frozenset())

    def _without_ghosts(self, base: Set, found: Set) -> Set:
        banned: set[CredentialId] = set()
        while True:
            kept, counted = self._pass(base, found, banned)
            if not counted - kept:
                return kept
            banned.add(min(counted - kept, key=self.rank))

    def keep(self, base: Set, found: Set, void: Set) -> Set:
        """M9 with M10: no invite is used more often than it says."""
        kept = set(base)
        for one in self.ancestry.order(found - void):
            c = self.credentials[CredentialId(one)]
            invite = self._invite_of(c)
            used = sum(self._invite_of(self.credentials[o]) == invite for o in kept)
            if invite is not None and used >= self._uses(invite):
                continue
            if self.authorised(c, self.past(c.id) & frozenset(kept)):
                kept.add(c.id)
        return frozenset(kept)

    def leans(self, c: Credential, r: Credential) -> bool:
        """M8, without the concurrency."""
        if isinstance(r.body, Cancel):
            return self._invite_of(c) == r.body.invite
        if isinstance(r.body, IdentityUpdate):
            return c.issuer == r.issuer and c.device in {e.removed for e in r.entries}
        assert isinstance(r.body, Remove | Lower)
        if isinstance(r.body, Remove) and r.body.device is not None:
            own = c.entries if isinstance(c.body, IdentityUpdate) else ()
            signers = {c.device, *(e.issuer for e in own)}
            return c.issuer == r.body.identity and r.body.device in signers
        left = r.body.role if isinstance(r.body, Lower) else Role.NONE
        if c.issuer == r.body.identity and self.needed(c) > left:
            return True
        invite = self._invite_of(c)
        return invite is not None and self.credentials[invite].issuer == r.body.identity

    def needed(self, c: Credential) -> Role:
        """The table of section 4.1."""
        match c.body:
            case Remove(identity=who) | Lower(identity=who):
                return Role.KEEPER if who == c.issuer else Role.ADMIN
            case Cancel(invite=invite):
                own = invite in self.credentials and self.credentials[invite].issuer == c.issuer
                return Role.KEEPER if own else Role.ADMIN
            case Admit(invite=invite) if invite in self.credentials:
                body = self.credentials[invite].body
                return ADMIT_BY[body.admit_by] if isinstance(body, Invite) else Role.ADMIN
            case IdentityUpdate():
                return Role.KEEPER
            case Cosign():
                return Role.READER
            case KeyGeneration() | Checkpoint() | Purge():
                return Role.WRITER
            case _:
                return Role.ADMIN

    def authorised(self, c: Credential, view: Set) -> bool:
        """M4."""
        if isinstance(c.body, Genesis):
            return not c.parents and c.device in self.devices(c.issuer, frozenset(), c.entries)
        own = c.entries if isinstance(c.body, IdentityUpdate) else ()
        if self.role(c.issuer, view) < self.needed(c):
            return False
        if c.device not in self.devices(c.issuer, view, own):
            return False
        return self._fits(c, view) and self._leaves_admin(c, view)

    def has_admin(self, view: Set, besides: IdentityId | None = None) -> bool:
        return any(
            who != besides and self.role(who, view) is Role.ADMIN and self.devices(who, view)
            for who in self.identities
        )

    def past(self, one: CredentialId) -> Set:
        return frozenset(CredentialId(c) for c in self.ancestry.past(one))

    # ------------------------------------------------------------ parts

    def _pass(self, base: Set, good: Set, banned: Iterable[CredentialId]) -> tuple[Set, Set]:
        void, protected, counted = set(banned), set[CredentialId](), set[CredentialId]()
        pending = {c for c in good if is_revoker(self.credentials[c])}
        for r in self._turns(frozenset(pending)):
            pending.discard(r)
            c = self.credentials[r]
            view = self.keep(base, self.past(r) & good, frozenset(void))
            if r in void or not self.authorised(c, view):
                void.add(r)
                continue
            hit = {
                o
                for o in good - protected
                if self.ancestry.concurrent(o, r)
                and self.leans(self.credentials[o], c)
                and (o in pending or not is_revoker(self.credentials[o]))
            }
            if not isinstance(c.body, Cancel):
                left = self.keep(base, good - frozenset(pending), frozenset(void | hit))
                if not self.has_admin(left):
                    void.add(r)
                    continue
            void |= hit
            counted.add(r)
            protected |= self._support(r, view | {r})
        return self.keep(base, good, frozenset(void)), frozenset(counted)

    def _turns(self, revokers: Set) -> list[CredentialId]:
        """Strongest first; but before r the revokers in its past, by the same rule."""
        ranked = sorted(revokers, key=self.rank)
        done: list[CredentialId] = []

        def take(r: CredentialId) -> None:
            if r not in done:
                for q in ranked:
                    if q in self.past(r):
                        take(q)
                done.append(r)

        for r in ranked:
            take(r)
        return done

    def _support(self, r: CredentialId, view: Set) -> set[CredentialId]:
        found: set[CredentialId] = set()
        todo = [r]
        while todo:
            one = todo.pop()
            if one in found:
                continue
            found.add(one)
            c, before = self.credentials[one], self.past(one) & view
            about = [o for o in before if self._sets_role_of(o) == c.issuer]
            low = [o for o in about if self._is_demotion(self.credentials[o])]
            grants = [
                o
                for o in about
                if o not in low
                and self._role_after(self.credentials[o]) >= self.needed(c)
                and not any(o in self.past(d) for d in low)
            ]
            grant = self.ancestry.order(grants)[:1]
            adds = [o for o in before if self._adds(self.credentials[o], c.device, c.issuer)]
            if not set(grant) & set(adds):
                grant += self.ancestry.order(adds)[:1]
            todo += [CredentialId(o) for o in grant]
            invite = c.body.invite if isinstance(c.body, Cancel) else self._invite_of(c)
            todo += [invite] if invite is not None else []
        return found

    def _fits(self, c: Credential, view: Set) -> bool:
        match c.body:
            case Admit(identity=who, invite=None):
                return self.role(who, view) is Role.NONE
            case Admit(identity=who):
                return self.role(who, view) is Role.NONE and self._link_holds(c, view)
            case Raise(identity=who, role=role):
                return Role.NONE < self.role(who, view) < role
            case Lower(identity=who, role=role):
                return role < self.role(who, view)
            case Remove(identity=who, device=None):
                return self.role(who, view) > Role.NONE
            case Remove(identity=who, device=device):
                return self.role(who, view) > Role.NONE and device in self.devices(who, view)
            case Cancel(invite=invite):
                return invite in view and isinstance(self.credentials[invite].body, Invite)
            case IdentityUpdate():
                there = {e.id for o in view for e in self.credentials[o].entries}
                removals = [self.credentials[o].body for o in view]
                barred = {b.device for b in removals if isinstance(b, Remove) and b.device}
                return not any(e.issuer in barred for e in c.entries if e.id not in there)
            case Cosign(checkpoint=checkpoint):
                known = self.credentials.get(checkpoint)
                return known is not None and isinstance(known.body, Checkpoint)
            case _:
                return True

    def _link_holds(self, c: Credential, view: Set) -> bool:
        assert isinstance(c.body, Admit)
        assert c.body.invite is not None
        if c.body.invite not in view:
            return False
        invite = self.credentials[c.body.invite]
        if not isinstance(invite.body, Invite):
            return False
        others = [self.credentials[o] for o in view]
        cancelled = any(isinstance(o.body, Cancel) and o.body.invite == invite.id for o in others)
        removed = any(
            isinstance(o.body, Remove)
            and o.body.device is None
            and o.body.identity == c.body.identity
            and o.issuer != c.body.identity
            for o in others
        )
        in_time = c.time_ms <= invite.body.expires_ms
        fits = c.body.role is invite.body.role and self.role(invite.issuer, view) is Role.ADMIN
        return in_time and fits and not cancelled and not removed

    def _leaves_admin(self, c: Credential, view: Set) -> bool:
        if not is_revoker(c) or isinstance(c.body, Cancel):
            return True
        if isinstance(c.body, Remove) and c.body.device is not None:
            who, gone = c.body.identity, c.body.device
            left = [d for d in self.devices(who, view) if d != gone]
        elif isinstance(c.body, IdentityUpdate):
            who, left = c.issuer, self.devices(c.issuer, view, c.entries)
        else:
            assert isinstance(c.body, Remove | Lower)
            return self.has_admin(view, besides=c.body.identity)
        keeps = self.role(who, view) is Role.ADMIN and bool(left)
        return keeps or self.has_admin(view, besides=who)

    def _entries_follow(self, c: Credential) -> bool:
        """Entries' parents are in c or its past, and each is admissible (I1)."""
        known = {e.id for o in (*self.past(c.id), c.id) for e in self.credentials[o].entries}
        return all(
            self.identities[e.identity].ancestry.past(e.id) <= known
            and self.identities[e.identity].admissible(e.id)
            for e in c.entries
        )

    def _adds(self, c: Credential, device: DeviceKey, who: IdentityId) -> bool:
        return any(
            e.identity == who and e.introduced is not None and e.introduced.sign == device
            for e in c.entries
        )

    def _sets_role_of(self, one: CredentialId) -> IdentityId | None:
        c = self.credentials[one]
        match c.body:
            case Genesis():
                return c.issuer
            case Admit(identity=who) | Raise(identity=who) | Lower(identity=who):
                return who
            case Remove(identity=who, device=None):
                return who
            case _:
                return None

    def _role_after(self, c: Credential) -> Role:
        match c.body:
            case Genesis():
                return Role.ADMIN
            case Admit(role=role) | Raise(role=role) | Lower(role=role):
                return role
            case _:
                return Role.NONE

    def _is_demotion(self, c: Credential) -> bool:
        return isinstance(c.body, Lower | Remove)

    def _uses(self, invite: CredentialId) -> int:
        body = self.credentials[invite].body
        return body.uses if isinstance(body, Invite) else 0

    def _invite_of(self, c: Credential) -> CredentialId | None:
        return c.body.invite if isinstance(c.body, Admit) else None


def is_revoker(c: Credential) -> bool:
    """The class "revoker" of the table in section 4.1."""
    if isinstance(c.body, IdentityUpdate):
        return any(e.removed is not None for e in c.entries)
    return isinstance(c.body, Cancel | Lower | Remove)
