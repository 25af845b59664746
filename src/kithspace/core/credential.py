"""What is a credential, and is it authentic?

A credential is a signed statement about the members, devices, keys or settings of one space. This
module makes, encodes, decodes and checks single ones; `core/fold` says which of them count. The
bodies are defined in `credential_body` and can be imported from here.

Rules (security.md 4.1, protocol.md A1, A2):
    A credential is `[1, space or null, kind, parents, issuer, device, time_ms, body]`, signed by
    the device with `ks1/cred`. Its id hashes the same bytes; the genesis credential's id is the
    space's id.
    `time_ms` is shown and never decides, but for the expiry of an invite.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from kithspace.core.codec import decode, encode
from kithspace.core.credential_body import (
    KIND_OF,
    AcceptHeld,
    Admit,
    Body,
    Cancel,
    Checkpoint,
    Cosign,
    Cut,
    Genesis,
    Head,
    IdentityUpdate,
    Invite,
    KeyGeneration,
    Lower,
    Purge,
    Raise,
    Remove,
    Settings,
    body_value,
)
from kithspace.core.credential_reader import KINDS, read_body
from kithspace.core.crypto import KeyPair, hash_of, sign, verify
from kithspace.core.identity import Entry, SignedEntry, decode_entry, is_authentic
from kithspace.core.ids import ID_BYTES, CredentialId, DeviceKey, IdentityId, SpaceId
from kithspace.core.record import take_array, take_bytes, take_ids, take_int
from kithspace.core.stamp import MAX_MS
from kithspace.errors import CodecError, VersionError

__all__ = [
    "AcceptHeld",
    "Admit",
    "Body",
    "Cancel",
    "Checkpoint",
    "Cosign",
    "Credential",
    "Cut",
    "Genesis",
    "Head",
    "IdentityUpdate",
    "Invite",
    "KeyGeneration",
    "Lower",
    "Purge",
    "Raise",
    "Remove",
    "Settings",
    "Signed",
    "credential_id",
    "decode_credential",
    "has_good_signatures",
    "make_claim",
    "sign_credential",
]

VERSION: Final = 1
MAX_CREDENTIAL_BYTES: Final = 64 * 1_024
MAX_PARENTS: Final = 16
_KEY: Final = 32


class Signed(NamedTuple):
    """A credential as it is stored and sent: the bytes that were signed, and the signature."""

    raw: bytes
    sig: bytes


@dataclass(frozen=True, slots=True)
class Credential:
    """A decoded credential, its shape good; `has_good_signatures` asks the signatures."""

    id: CredentialId
    space: SpaceId
    parents: tuple[CredentialId, ...]
    issuer: IdentityId
    device: DeviceKey
    time_ms: int
    body: Body
    entries: tuple[Entry, ...]
    signed: Signed

    @property
    def kind(self) -> str:
        """The word of the table in security.md 4.1."""
        return KIND_OF[type(self.body)]


# ---------------------------------------------------------------- making


def sign_credential(
    space: SpaceId | None,
    parents: Iterable[CredentialId],
    issuer: IdentityId,
    device: KeyPair,
    time_ms: int,
    body: Body,
) -> Signed:
    """Sign a credential; `space` is None for a genesis alone.

    Args:
        space: The space's id.
        parents: All credential heads the author knows, at most 16 (A5).
        issuer: The author's identity.
        device: The author's signing keys.
        time_ms: UTC milliseconds, shown and never compared but with an invite's expiry.
        body: What is said.
    """
    raw = encode(
        [
            VERSION,
            space,
            KIND_OF[type(body)],
            sorted(set(parents)),
            issuer,
            device.public,
            time_ms,
            body_value(body),
        ]
    )
    return Signed(raw, sign(device.secret, "ks1/cred", raw))


def credential_id(raw: bytes) -> CredentialId:
    """Return a credential's id; for a genesis, also the space's."""
    return CredentialId(hash_of("ks1/cred", raw))


def claim_text(
    space: SpaceId, invite: CredentialId, identity: IdentityId, genesis: SignedEntry
) -> bytes:
    """What an invite's key signs for one identity (J6)."""
    return space + invite + identity + genesis.raw


def make_claim(
    invite_key: KeyPair, space: SpaceId, invite: CredentialId, genesis: SignedEntry
) -> bytes:
    """Return the joiner's claim on an invite: good for the identity of that genesis entry alone."""
    identity = decode_entry(genesis).identity
    return sign(invite_key.secret, "ks1/claim", claim_text(space, invite, identity, genesis))


# ---------------------------------------------------------------- reading


def decode_credential(signed: Signed) -> Credential:
    """Read a credential from outside; its signatures are not checked here.

    Raises:
        VersionError: Another version, or an unknown kind: set aside, never applied.
        LimitError: Over a limit of security.md 2.4.
        CodecError: Its shape is not that of its kind.
    """
    fields = decode(signed.raw, MAX_CREDENTIAL_BYTES)
    if type(fields) is not tuple or not fields:
        raise CodecError("a credential is not an array")
    if type(fields[0]) is not int or fields[0] != VERSION:
        raise VersionError("a credential of another version")
    _, space, kind, parents, issuer, device, time_ms, value = take_array(fields, 8)
    if not isinstance(kind, str) or kind not in KINDS:
        raise VersionError("a credential of an unknown kind")
    body = read_body(kind, value)
    own_id = credential_id(signed.raw)
    credential = Credential(
        own_id,
        SpaceId(own_id if space is None else take_bytes(space, ID_BYTES)),
        tuple(CredentialId(parent) for parent in take_ids(parents, ID_BYTES, MAX_PARENTS)),
        IdentityId(take_bytes(issuer, ID_BYTES)),
        DeviceKey(take_bytes(device, _KEY)),
        take_int(time_ms, 0, MAX_MS - 1),
        body,
        _read_entries(body),
        signed,
    )
    _check_frame(credential, is_first=space is None)
    return credential


def has_good_signatures(credential: Credential) -> bool:
    """Whether the device signed these bytes, and every identity entry within is authentic."""
    raw, sig = credential.signed
    return verify(credential.device, "ks1/cred", raw, sig) and all(
        is_authentic(entry) for entry in credential.entries
    )


def _read_entries(body: Body) -> tuple[Entry, ...]:
    match body:
        case Genesis(entries=entries) | Admit(entries=entries) | IdentityUpdate(entries=entries):
            return tuple(decode_entry(entry) for entry in entries)
        case _:
            return ()


def _check_frame(credential: Credential, *, is_first: bool) -> None:
    """A genesis has no space and no parents; all entries are of one identity."""
    body = credential.body
    if isinstance(body, Genesis) is not is_first or bool(credential.parents) is is_first:
        raise CodecError("a genesis names neither space nor parents, every other credential both")
    about = body.identity if isinstance(body, Admit) else credential.issuer
    if any(entry.identity != about for entry in credential.entries):
        raise CodecError("a credential holds entries of another identity")
    if isinstance(body, Genesis | Admit) and not any(
        entry.id == about for entry in credential.entries
    ):
        raise CodecError("a new member comes with its genesis entry")
    if len({entry.id for entry in credential.entries}) != len(credential.entries):
        raise CodecError("an identity entry stands twice in a credential")
    if isinstance(body, IdentityUpdate):
        _check_cuts(credential, body)


def _check_cuts(credential: Credential, body: IdentityUpdate) -> None:
    removed = {entry.removed for entry in credential.entries} - {None}
    if not removed <= {device for device, _ in body.cuts}:
        raise CodecError("a removed device has no cut")
