"""People with devices, who sign identity entries and credentials, the same bytes in every run."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kithspace.core.credential import (
    Admit,
    Body,
    Cancel,
    Credential,
    Cut,
    Genesis,
    IdentityUpdate,
    Invite,
    Lower,
    Raise,
    Remove,
    Signed,
    credential_id,
    decode_credential,
    make_claim,
    sign_credential,
)
from kithspace.core.crypto import KeyPair, agree_keypair, sign_keypair
from kithspace.core.identity import (
    AddDevice,
    Device,
    EntryBody,
    RemoveDevice,
    RotateDevice,
    SignedEntry,
    decode_entry,
    entry_bytes,
    entry_id,
    found_identity,
    sign_entry,
)
from kithspace.core.ids import CredentialId, DeviceKey, IdentityId, SpaceId
from kithspace.core.roles import Role, parse_role

START_MS = 1_760_000_000_000


class Drawn:
    """Bytes that look random and are the same in every run: a port Entropy for tests."""

    def __init__(self, seed: str) -> None:
        self._seed = seed.encode()
        self._count = 0

    def __call__(self, size: int) -> bytes:
        drawn = b""
        while len(drawn) < size:
            counted = self._seed + self._count.to_bytes(8, "big")
            drawn += hashlib.blake2b(counted, digest_size=64).digest()
            self._count += 1
        return drawn[:size]


class Hands(NamedTuple):
    """One device's two key pairs."""

    sign: KeyPair
    agree: KeyPair

    @classmethod
    def of(cls, seed: str) -> "Hands":
        draw = Drawn(seed)
        return cls(sign_keypair(draw(32)), agree_keypair(draw(32)))

    @property
    def device(self) -> Device:
        return Device(DeviceKey(self.sign.public), self.agree.public)

    @property
    def key(self) -> DeviceKey:
        return DeviceKey(self.sign.public)


class Person:
    """An identity with one device; more are added by entries."""

    def __init__(self, name: str, *, has_phrase: bool = False) -> None:
        self.name = name
        self.phrase = sign_keypair(Drawn(name + " phrase")(32)) if has_phrase else None
        self.hands = Hands.of(name)
        self.genesis = found_identity(
            self.hands.sign, self.hands.agree.public, Drawn(name + " nonce"), self.phrase
        )
        self.id: IdentityId = decode_entry(self.genesis).identity

    def entry(
        self, body: EntryBody, *signers: KeyPair, after: Sequence[SignedEntry] = ()
    ) -> SignedEntry:
        """An entry of this identity; the first signer is the issuer."""
        parents = [entry_id(entry.raw) for entry in after or [self.genesis]]
        return sign_entry(entry_bytes(self.id, parents, signers[0].public, body), *signers)

    def add(
        self, new: Hands, by: KeyPair | None = None, after: Sequence[SignedEntry] = ()
    ) -> SignedEntry:
        return self.entry(AddDevice(new.device), by or self.hands.sign, new.sign, after=after)

    def drop(
        self,
        gone: Hands,
        by: KeyPair | None = None,
        after: Sequence[SignedEntry] = (),
        reason: str = "stolen",
    ) -> SignedEntry:
        return self.entry(RemoveDevice(gone.key, reason), by or self.hands.sign, after=after)

    def rotate(self, old: Hands, new: Hands, after: Sequence[SignedEntry] = ()) -> SignedEntry:
        return self.entry(RotateDevice(old.key, new.device), old.sign, new.sign, after=after)


@dataclass
class Stage:
    """A space, and short ways to sign what happens in it. `after` are the parents."""

    founder: Person = field(default_factory=lambda: Person("A"))
    clock: int = START_MS

    def __post_init__(self) -> None:
        body = Genesis((self.founder.genesis,), (), Drawn("space of " + self.founder.name)(16))
        self.genesis = sign_credential(
            None, (), self.founder.id, self.founder.hands.sign, self.clock, body
        )
        self.space = SpaceId(credential_id(self.genesis.raw))

    def act(
        self,
        by: Person,
        body: Body,
        *after: Signed,
        hands: Hands | None = None,
        time_ms: int | None = None,
    ) -> Signed:
        """Sign anything."""
        self.clock += 1_000
        parents = [credential_id(signed.raw) for signed in after]
        device = (hands or by.hands).sign
        return sign_credential(self.space, parents, by.id, device, time_ms or self.clock, body)

    def admit(self, by: Person, who: Person, role: str, *after: Signed, **kw: Hands) -> Signed:
        return self.act(by, Admit(who.id, (who.genesis,), parse_role(role)), *after, **kw)  # type: ignore[arg-type]

    def invite(
        self,
        by: Person,
        role: str,
        *after: Signed,
        uses: int = 1,
        admit_by: str = "members",
        expires_ms: int = START_MS * 2,
        name: str = "link",
    ) -> Signed:
        public = link_keys(name).public
        return self.act(
            by, Invite(public, None, parse_role(role), uses, expires_ms, admit_by), *after
        )

    def let_in(
        self,
        by: Person,
        who: Person,
        invite: Signed,
        *after: Signed,
        name: str = "link",
        time_ms: int | None = None,
    ) -> Signed:
        """Admit by an invite, with the joiner's claim."""
        asked = decode_credential(invite).body
        assert isinstance(asked, Invite)
        invited = credential_id(invite.raw)
        claim = make_claim(link_keys(name), self.space, invited, who.genesis)
        body = Admit(who.id, (who.genesis,), asked.role, invited, claim)
        return self.act(by, body, *after, time_ms=time_ms)

    def cancel(self, by: Person, invite: Signed, *after: Signed) -> Signed:
        return self.act(by, Cancel(credential_id(invite.raw)), *after)

    def raise_(self, by: Person, who: Person, role: str, *after: Signed) -> Signed:
        return self.act(by, Raise(who.id, parse_role(role)), *after)

    def lower(self, by: Person, who: Person, role: str, *after: Signed, cut: Cut = ()) -> Signed:
        to = parse_role(role)
        return self.act(by, Lower(who.id, to, cut if to < Role.WRITER else None), *after)

    def remove(
        self,
        by: Person,
        who: Person,
        *after: Signed,
        cut: Cut = (),
        device: Hands | None = None,
        hands: Hands | None = None,
    ) -> Signed:
        reason = "left" if by is who else "removed"
        body = Remove(who.id, device.key if device else None, cut, reason)
        return self.act(by, body, *after, hands=hands)

    def update(
        self,
        by: Person,
        entries: Sequence[SignedEntry],
        *after: Signed,
        cuts: Sequence[tuple[Hands, Cut]] = (),
        hands: Hands | None = None,
    ) -> Signed:
        """Publish identity entries."""
        body = IdentityUpdate(tuple(entries), tuple(sorted((gone.key, cut) for gone, cut in cuts)))
        return self.act(by, body, *after, hands=hands)


def link_keys(name: str) -> KeyPair:
    """The signing keys of an invite."""
    return sign_keypair(Drawn("link " + name)(32))


def id_of(signed: Signed) -> CredentialId:
    """A credential's id."""
    return credential_id(signed.raw)


def order_of(signed: Signed, known: Sequence[Signed]) -> tuple[int, bytes]:
    """(depth, id) of a credential among others: the order of I2, the slow way."""
    by_id: dict[CredentialId, Credential] = {
        id_of(one): decode_credential(one) for one in [*known, signed]
    }

    def depth(c: Credential) -> int:
        return 1 + max((depth(by_id[p]) for p in c.parents), default=-1)

    c = decode_credential(signed)
    return depth(c), c.id
