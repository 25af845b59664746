"""What is known of a space's credentials, and what came before what?

The graph is append-only: a credential enters when all its parents are there, and gets the next
index. Sets of credentials are bit sets (integers, bit = index). Of each credential the graph
stores not its past but what is *beside* it among the earlier ones: in an orderly space that is
zero, so 10,000 credentials take no room.

Rules (security.md 3, 4.2):
    M1  A credential waits until all its parents are known.
    I2  Depth = 0 or 1 + the greatest of the parents; the order is (depth, id).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

from kithspace.core.credential import (
    AcceptHeld,
    Admit,
    Cancel,
    Credential,
    Genesis,
    IdentityUpdate,
    Invite,
    KeyGeneration,
    Lower,
    Raise,
    Remove,
    Settings,
)
from kithspace.core.identity_log import EntryLog
from kithspace.core.ids import CredentialId, DeviceKey, IdentityId
from kithspace.core.roles import Role

Bits: TypeAlias = int
"""A set of credentials: bit i stands for the credential with index i."""
Key: TypeAlias = tuple[int, bytes]
NEVER: Final[Key] = (1 << 60, b"")


def members_of(bits: Bits) -> Iterator[int]:
    """The indexes in a bit set, ascending."""
    while bits:
        low = bits & -bits
        yield low.bit_length() - 1
        bits ^= low


@dataclass(slots=True)
class Graph:
    """Every admissible credential, and by what they can be found.

    Only `Membership` makes and extends graphs, each its own copy; readers never change one.
    """

    credentials: list[Credential] = field(default_factory=list)
    beside: list[Bits] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    index: dict[CredentialId, int] = field(default_factory=dict)
    heads: Bits = 0
    logs: dict[IdentityId, EntryLog] = field(default_factory=dict)
    about: dict[IdentityId, tuple[int, ...]] = field(default_factory=dict)
    """Genesis, admit, raise, lower, remove (of the whole identity) about an identity (M3)."""
    with_entries: dict[IdentityId, tuple[int, ...]] = field(default_factory=dict)
    """Credentials that hold entries of an identity, or cut feeds of its devices."""
    barred: dict[tuple[IdentityId, DeviceKey], Bits] = field(default_factory=dict)
    """Removals of a device by a `remove` with its key."""
    by_identity: dict[IdentityId, Bits] = field(default_factory=dict)
    by_device: dict[DeviceKey, Bits] = field(default_factory=dict)
    owners: dict[DeviceKey, tuple[IdentityId, ...]] = field(default_factory=dict)
    """Identities one of whose entries introduces the device."""
    cancels: dict[CredentialId, Bits] = field(default_factory=dict)
    uses: dict[CredentialId, Bits] = field(default_factory=dict)
    invites_of: dict[IdentityId, tuple[CredentialId, ...]] = field(default_factory=dict)
    throne: dict[IdentityId, None] = field(default_factory=dict)
    """Identities that some credential makes admin, in order of arrival."""
    ranks: dict[int, tuple[Key, int, Key]] = field(default_factory=dict)
    """M6 of each revoker."""
    revokers: Bits = 0
    device_revokers: Bits = 0
    """Those that take away a device, not a role or an invite."""
    settings: Bits = 0
    generations: Bits = 0
    accepts: Bits = 0

    def copy(self) -> Self:
        """Return a graph that can be extended without this one noticing."""
        return type(self)(
            self.credentials.copy(),
            self.beside.copy(),
            self.keys.copy(),
            self.index.copy(),
            self.heads,
            self.logs.copy(),
            self.about.copy(),
            self.with_entries.copy(),
            self.barred.copy(),
            self.by_identity.copy(),
            self.by_device.copy(),
            self.owners.copy(),
            self.cancels.copy(),
            self.uses.copy(),
            self.invites_of.copy(),
            self.throne.copy(),
            self.ranks.copy(),
            self.revokers,
            self.device_revokers,
            self.settings,
            self.generations,
            self.accepts,
        )

    @property
    def everything(self) -> Bits:
        """All credentials."""
        return (1 << len(self.credentials)) - 1

    def past(self, i: int) -> Bits:
        """All ancestors of credential i."""
        return ((1 << i) - 1) ^ self.beside[i]

    def beside_of_parents(self, parents: tuple[int, ...]) -> Bits:
        """What of everything is not in the past of a credential with these parents."""
        if not parents:
            return self.everything
        count = len(self.credentials)
        beside = -1
        for p in parents:
            # Beside a child of p: what is beside p, and all that came after p.
            beside &= self.beside[p] | (((1 << (count - p - 1)) - 1) << (p + 1))
        return beside

    def is_before(self, i: int, j: int) -> bool:
        """Whether credential i is in the past of credential j."""
        return i < j and not self.beside[j] >> i & 1

    def concurrent_with(self, i: int, among: Bits) -> Bits:
        """Those of `among` that are neither in the past of credential i nor after it."""
        found = self.beside[i] & among
        for j in members_of(among >> (i + 1) << (i + 1)):
            if self.beside[j] >> i & 1:
                found |= 1 << j
        return found

    def in_order(self, bits: Bits) -> list[int]:
        """The indexes of a bit set by ≺ (depth, id)."""
        return sorted(members_of(bits), key=self.keys.__getitem__)

    def append(self, credential: Credential, parents: tuple[int, ...], beside: Bits) -> int:
        """Take a credential whose parents are there; its shape and right were checked before."""
        i = len(self.credentials)
        depth = 1 + max((self.keys[p][0] for p in parents), default=-1)
        self.credentials.append(credential)
        self.beside.append(beside)
        self.keys.append((depth, credential.id))
        self.index[credential.id] = i
        for p in parents:
            self.heads &= ~(1 << p)
        self.heads |= 1 << i
        self._note_author(credential, i)
        self._note_entries(credential, i)
        self._note_body(credential, i)
        return i

    def _note_author(self, c: Credential, i: int) -> None:
        self.by_identity[c.issuer] = self.by_identity.get(c.issuer, 0) | 1 << i
        self.by_device[c.device] = self.by_device.get(c.device, 0) | 1 << i

    def _note_entries(self, c: Credential, i: int) -> None:
        if not c.entries and not (isinstance(c.body, IdentityUpdate) and c.body.cuts):
            return
        identity = c.entries[0].identity if c.entries else c.issuer
        log = self.logs.get(identity, EntryLog.empty()).with_entries(c.entries)
        if log is not None:
            self.logs[identity] = log
        self.with_entries[identity] = (*self.with_entries.get(identity, ()), i)
        for entry in c.entries:
            device = entry.introduced
            owners = self.owners.get(device.sign, ()) if device else ()
            if device and identity not in owners:
                self.owners[device.sign] = (*owners, identity)

    def _note_body(self, c: Credential, i: int) -> None:
        match c.body:
            case Genesis():
                self._note_about(c.issuer, i, Role.ADMIN)
            case Admit(identity=who, role=role) | Raise(identity=who, role=role):
                self._note_about(who, i, role)
            case Lower(identity=who) | Remove(identity=who, device=None):
                self._note_about(who, i, Role.NONE)
            case Invite():
                self.invites_of[c.issuer] = (*self.invites_of.get(c.issuer, ()), c.id)
            case _:
                pass
        self._note_bits(c, 1 << i)

    def _note_bits(self, c: Credential, bit: Bits) -> None:
        match c.body:
            case Admit(invite=invite) if invite is not None:
                self.uses[invite] = self.uses.get(invite, 0) | bit
            case Remove(identity=who, device=device) if device is not None:
                self.barred[who, device] = self.barred.get((who, device), 0) | bit
            case Cancel(invite=invite):
                self.cancels[invite] = self.cancels.get(invite, 0) | bit
            case Settings() | Genesis():
                self.settings |= bit
            case KeyGeneration():
                self.generations |= bit
            case AcceptHeld():
                self.accepts |= bit
            case _:
                pass
        if is_revoker(c):
            self.revokers |= bit
            self.device_revokers |= bit if is_about_device(c) else 0

    def _note_about(self, who: IdentityId, i: int, role: Role) -> None:
        self.about[who] = (*self.about.get(who, ()), i)
        if role is Role.ADMIN:
            self.throne[who] = None


def is_revoker(credential: Credential) -> bool:
    """Whether it takes a right away: remove, lower, cancel, or an update that removes a device."""
    body = credential.body
    if isinstance(body, IdentityUpdate):
        return any(entry.removed is not None for entry in credential.entries)
    return isinstance(body, Remove | Lower | Cancel)


def is_about_device(revoker: Credential) -> bool:
    """Whether a revoker takes away a device, not a role or an invite."""
    return isinstance(revoker.body, IdentityUpdate) or (
        isinstance(revoker.body, Remove) and revoker.body.device is not None
    )
