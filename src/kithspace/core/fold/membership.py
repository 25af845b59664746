"""Who belongs to a space, and what follows from it?

`Membership` is a value: `add` returns another one. It knows every admissible credential of one
space and which of them count (E), and answers what the gate, the protocol and the API ask.

Rules (security.md 4.2): M1 and M2 (`growth`, `admission`), M11 (`roster`, `rules_of_space`), M13;
the others are in `view`, `authority`, `removal`, `keeping` and `whole`.

In the everyday case, a credential that has everything known in its past, nothing is folded: the
present state answers, in a time that does not depend on how many credentials there are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple, Self

from kithspace.core.block import OpenRecord
from kithspace.core.credential import (
    Body,
    Credential,
    Genesis,
    IdentityUpdate,
    Signed,
    credential_id,
    decode_credential,
    has_good_signatures,
    sign_credential,
)
from kithspace.core.crypto import KeyPair
from kithspace.core.cut import Cuts
from kithspace.core.fold.admission import k1_next_n
from kithspace.core.fold.authority import m4_authorised
from kithspace.core.fold.feeds import FeedRight, auth_for, c1_cuts, v4_feed_right
from kithspace.core.fold.graph import Bits, Graph, members_of
from kithspace.core.fold.growth import Arrivals, Growth
from kithspace.core.fold.intake import Admitted, Intake, Recount
from kithspace.core.fold.keys import Generation, generation_heads, generations, k5_usable
from kithspace.core.fold.roster import Roster
from kithspace.core.fold.rules_of_space import LiveInvite, live_invites, m11_settings
from kithspace.core.fold.state import EMPTY, fold_of
from kithspace.core.fold.view import View
from kithspace.core.identity import Device, SignedEntry
from kithspace.core.ids import CredentialId, DeviceKey, GenerationId, IdentityId, SpaceId
from kithspace.core.roles import Role
from kithspace.errors import CodecError, LimitError

MAX_PARENTS: Final = 16
_OPENING_RIGHT: Final = 4
"""An open record begins with space, identity, device and auth: what its right rests on."""


class LiveDevice(NamedTuple):
    """A device that may act for a member."""

    identity: IdentityId
    role: Role
    device: Device


class Membership:
    """All that is known of one space's credentials; never changed, only replaced.

    Answers that take work are kept once given: the gate asks them at every commit.

    Attributes:
        space: The space's id, that of its genesis credential.
    """

    def __init__(self, space: SpaceId, growth: Growth) -> None:
        self.space = space
        self._graph = growth.graph
        self._kept: Bits = growth.resolve()
        self._state = growth.state
        self._roster = growth.roster
        self._roster.follow(self._graph, self._kept)
        self._waiting = growth.waiting
        self._refused = growth.refused
        self._cuts: dict[tuple[object, ...], Cuts] = {}

    @classmethod
    def found(cls, genesis: Signed) -> Self:
        """Return the membership of a space of which only the genesis is known.

        Raises:
            CodecError: It is no genesis, or not an authentic one.
        """
        c = decode_credential(genesis)
        if not isinstance(c.body, Genesis) or not has_good_signatures(c):
            raise CodecError("not an authentic genesis credential")
        if not m4_authorised(c, View(Graph(), 0)):
            raise CodecError("a genesis that its founder's device did not sign")
        growth = Growth(Graph(), EMPTY, Roster(), {}, {})
        growth.take([c], is_trusted=True)
        return cls(c.space, growth)

    @classmethod
    def load(cls, space: SpaceId, stored: Iterable[Signed]) -> Self:
        """Return the membership of credentials that were accepted before and stored.

        Neither signatures nor rights are checked again; the order does not matter.

        Raises:
            CodecError: The genesis of the space is not among them.
        """
        arrivals = Arrivals()
        for signed in stored:
            arrivals.read(signed, space, is_trusted=True)
        growth = Growth(Graph(), EMPTY, Roster(), {}, {})
        growth.take(arrivals.new.values(), is_trusted=True)
        if CredentialId(space) not in growth.graph.index:
            raise CodecError("the genesis credential is missing")
        return cls(space, growth)

    def add(self, credentials: Iterable[Signed]) -> tuple[Self, Intake]:
        """Take in credentials from anywhere, in any order, any number of times (M1, M2).

        Returns:
            The membership that knows them too, and what became of each. Garbage never raises.
        """
        arrivals = Arrivals()
        index = self._graph.index
        for signed in credentials:
            if credential_id(signed.raw) not in index:
                arrivals.read(signed, self.space, is_trusted=False)
        if not arrivals.new:
            return self, Intake(refused=tuple(arrivals.refused), aside=tuple(arrivals.aside))
        growth = Growth(self._graph, self._state, self._roster, self._waiting, self._refused)
        growth.take(arrivals.new.values())
        after = type(self)(self.space, growth)
        kept = growth.resolve()
        return after, Intake(
            accepted=tuple(_admitted(growth.graph, kept, i) for i in growth.added),
            waiting=growth.missing_parents(),
            refused=(*arrivals.refused, *growth.refused_now),
            aside=tuple(arrivals.aside),
            recounted=_recounted(growth.graph, (self._kept ^ kept) & self._graph.everything, kept),
        )

    # ------------------------------------------------------------ members

    @property
    def members(self) -> Mapping[IdentityId, Role]:
        """Every member and its role (M11)."""
        return MappingProxyType(self._roster.roles)

    @cached_property
    def admins(self) -> tuple[IdentityId, ...]:
        """The admins, sorted by id."""
        roles = self._roster.roles
        return tuple(sorted(who for who, role in roles.items() if role is Role.ADMIN))

    def role(self, identity: IdentityId) -> Role:
        """The identity's role; `Role.NONE` for who is not a member."""
        return self._roster.roles.get(identity, Role.NONE)

    def devices(self, identity: IdentityId) -> list[Device]:
        """The live devices of a member, in the order they were added; none for others."""
        return list(self._roster.devices.get(identity, ()))

    def owner(self, device: DeviceKey) -> IdentityId | None:
        """The member for whom this device may act now, or None."""
        for who in self._graph.owners.get(device, ()):
            if any(live.sign == device for live in self._roster.devices.get(who, ())):
                return who
        return None

    def all_live_devices(self) -> list[LiveDevice]:
        """Every live device of every member, sorted by signing key (K2)."""
        found = [
            LiveDevice(who, self._roster.roles[who], device)
            for who, devices in self._roster.devices.items()
            for device in devices
        ]
        return sorted(found, key=lambda live: live.device.sign)

    def identity_entries(self, identity: IdentityId) -> list[SignedEntry]:
        """An identity's entries that counting credentials hold, parents first."""
        log = self._graph.logs.get(identity)
        given = self._view.entries_of(identity)
        return [entry.signed for entry in log.order(given)] if log else []

    def identity_heads(self, identity: IdentityId) -> tuple[bytes, ...]:
        """The heads of those entries: parents of the identity's next entry."""
        log = self._graph.logs.get(identity)
        return log.heads(self._view.entries_of(identity)) if log else ()

    # ------------------------------------------------------------ feeds and keys

    def may_write_feed(self, opening: OpenRecord) -> FeedRight:
        """V4: what stands behind an open record."""
        return v4_feed_right(self._graph, self.space, opening)

    def auth_for(self, identity: IdentityId) -> CredentialId | None:
        """The grant to name in a new open record; None: the identity may not write."""
        return auth_for(self._view, identity)

    def cuts(self, opening: OpenRecord, branches: Collection[bytes] = ()) -> Cuts:
        """C1, C3: how far a feed counts; `core.cut.c1_length` turns it into a number."""
        asked = (*opening[:_OPENING_RIGHT], opening.id, *branches)
        if asked not in self._cuts:
            self._cuts[asked] = c1_cuts(self._view, opening, branches)
        return self._cuts[asked]

    @cached_property
    def generations(self) -> tuple[Generation, ...]:
        """All admissible key generations, the greatest (n, id) first."""
        return tuple(generations(self._view))

    @cached_property
    def generation_heads(self) -> tuple[Generation, ...]:
        """The generations with none after them (K4)."""
        return tuple(generation_heads(self._view))

    @cached_property
    def next_n(self) -> int:
        """The number of a key generation made now (K1)."""
        return k1_next_n(self._graph, self._graph.everything)

    def choose_generation(self, keys: Collection[GenerationId]) -> GenerationId | None:
        """K5: the generation to write under, among those whose key is here; None: make one."""
        return next((g for g in self._usable if g in keys), None)

    @cached_property
    def _usable(self) -> list[GenerationId]:
        return k5_usable(self._state, self._roster, self._view)

    def recipients(self, generation: CredentialId) -> list[DeviceKey]:
        """K2: to whom a generation is sealed, sorted: the live devices of the fold of its past."""
        i = self._graph.index[generation]
        then = self._roster.copy()
        then.follow(self._graph, fold_of(self._state, self._graph, self._graph.past(i)))
        return then.device_keys()

    # ------------------------------------------------------------ rules of the space

    @cached_property
    def settings(self) -> Mapping[str, int | str]:
        """The space's settings, with defaults (M11)."""
        return MappingProxyType(m11_settings(self._view))

    @cached_property
    def invites(self) -> tuple[LiveInvite, ...]:
        """Invites that count, are not cancelled, and have uses left."""
        return tuple(live_invites(self._view))

    # ------------------------------------------------------------ credentials

    @cached_property
    def heads(self) -> tuple[CredentialId, ...]:
        """Credentials with none after them, sorted."""
        return tuple(sorted(self._graph.credentials[i].id for i in members_of(self._graph.heads)))

    def __contains__(self, credential: object) -> bool:
        """Whether a credential is known (admissible); counting is another question."""
        return credential in self._graph.index

    def __len__(self) -> int:
        """How many credentials are known."""
        return len(self._graph.credentials)

    def counts(self, credential: CredentialId) -> bool:
        """Whether a credential is in E."""
        i = self._graph.index.get(credential)
        return i is not None and bool(self._kept >> i & 1)

    def credential(self, credential: CredentialId) -> Signed | None:
        """A known credential as it is stored and sent."""
        content = self.content(credential)
        return content.signed if content else None

    def content(self, credential: CredentialId) -> Credential | None:
        """A known credential, decoded."""
        i = self._graph.index.get(credential)
        return None if i is None else self._graph.credentials[i]

    def credentials(self) -> Iterator[Admitted]:
        """All known credentials, parents first."""
        graph, kept = self._graph, self._kept
        return (_admitted(graph, kept, i) for i in range(len(graph.credentials)))

    def ancestry(self, heads: Iterable[CredentialId]) -> list[Signed]:
        """The known ones of `heads` and all that is in their past, parents first."""
        wanted: Bits = 0
        for head in heads:
            i = self._graph.index.get(head)
            if i is not None:
                wanted |= self._graph.past(i) | 1 << i
        return [self._graph.credentials[i].signed for i in members_of(wanted)]

    @cached_property
    def void(self) -> tuple[CredentialId, ...]:
        """Known credentials that do not count, for admins to see (M13)."""
        graph = self._graph
        void = members_of(graph.everything & ~self._kept)
        return tuple(graph.credentials[i].id for i in void)

    # ------------------------------------------------------------ making

    def make(self, body: Body, issuer: IdentityId, device: KeyPair, time_ms: int) -> Signed:
        """Sign a credential on top of all known heads. It is not added.

        Raises:
            LimitError: There are more than 16 heads; add `merge_heads` first (A5).
        """
        heads = self.heads
        if len(heads) > MAX_PARENTS:
            raise LimitError(f"{len(heads)} credential heads, the limit is {MAX_PARENTS}")
        return sign_credential(self.space, heads, issuer, device, time_ms, body)

    def merge_heads(self, issuer: IdentityId, device: KeyPair, time_ms: int) -> list[Signed]:
        """A5: empty identity-updates to add first, so that at most 16 heads are left."""
        heads = list(self.heads)
        made: list[Signed] = []
        while len(heads) > MAX_PARENTS:
            joined = sign_credential(
                self.space, heads[:MAX_PARENTS], issuer, device, time_ms, IdentityUpdate(())
            )
            made.append(joined)
            heads = [*heads[MAX_PARENTS:], credential_id(joined.raw)]
        return made

    def allows(self, signed: Signed) -> bool:
        """Whether a credential made just now would be let in: the author-side check (M12)."""
        _, intake = self.add([signed])
        return not intake.refused

    # ------------------------------------------------------------ own

    @property
    def _view(self) -> View:
        return View(self._graph, self._kept)


def _admitted(graph: Graph, kept: Bits, i: int) -> Admitted:
    c = graph.credentials[i]
    return Admitted(c.id, graph.keys[i][0], c.signed.raw, c.signed.sig, bool(kept >> i & 1))


def _recounted(graph: Graph, moved: Bits, kept: Bits) -> tuple[Recount, ...]:
    return tuple(Recount(graph.credentials[i].id, bool(kept >> i & 1)) for i in members_of(moved))
