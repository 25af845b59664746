"""What does each kind of credential hold?

The types of all bodies, as they are made and read; `credential_reader` reads them from outside. A
body is an array of the items named in its row of security.md 4.1, in that order, absent = null
(protocol.md A1), so these tuples are what is encoded.
"""

from typing import Final, NamedTuple, TypeAlias

from kithspace.core.identity import SignedEntry
from kithspace.core.ids import (
    BlockId,
    CredentialId,
    DeviceKey,
    GenerationId,
    IdentityId,
    ObjectId,
)
from kithspace.core.roles import Role

REMOVE_REASONS: Final = ("left", "removed", "lost", "retired", "stolen")
GENERATION_REASONS: Final = ("first", "removal", "cancel", "age", "wish", "complaint", "join")


class Head(NamedTuple):
    """The last block of a feed (or branch) that still counts."""

    feed: bytes
    seq: int
    id: BlockId


Cut: TypeAlias = tuple[Head, ...]
"""Sorted heads; a feed that is not in it counts for nothing."""


class Genesis(NamedTuple):
    """A space begins; the founder is its admin."""

    entries: tuple[SignedEntry, ...]
    settings: tuple[tuple[str, int | str], ...]
    nonce: bytes


class Invite(NamedTuple):
    """Whoever proves the invite's key may be let in, by those that `admit_by` names."""

    public: bytes
    sealed_keys: bytes | None
    role: Role
    uses: int
    expires_ms: int
    admit_by: str


class Cancel(NamedTuple):
    """An invite is taken back."""

    invite: CredentialId


class Admit(NamedTuple):
    """An identity becomes a member."""

    identity: IdentityId
    entries: tuple[SignedEntry, ...]
    role: Role
    invite: CredentialId | None = None
    claim: bytes | None = None


class Raise(NamedTuple):
    """A member gets a greater role."""

    identity: IdentityId
    role: Role


class Lower(NamedTuple):
    """A member gets a lesser role; with a cut if it may no longer write."""

    identity: IdentityId
    role: Role
    cut: Cut | None = None


class Remove(NamedTuple):
    """A member, or one of its devices, goes; by itself: it leaves."""

    identity: IdentityId
    device: DeviceKey | None
    cut: Cut
    reason: str = "removed"


class IdentityUpdate(NamedTuple):
    """New entries of an identity's log, with a cut for each device that they take away."""

    entries: tuple[SignedEntry, ...]
    cuts: tuple[tuple[DeviceKey, Cut], ...] = ()


class AcceptHeld(NamedTuple):
    """Blocks that did not count, count (C3)."""

    heads: Cut


class KeyGeneration(NamedTuple):
    """A new content key, sealed to devices in chunks that travel apart (K1)."""

    n: int
    content: bytes
    access: bytes
    recipients: bytes
    chunks: tuple[bytes, ...]
    prev_wrap: bytes | None
    prev_access: bytes | None
    reason: str


class Settings(NamedTuple):
    """The changed settings, sorted as encoded."""

    changed: tuple[tuple[str, int | str], ...]


class Checkpoint(NamedTuple):
    """A snapshot of the space's state, by digests (P1)."""

    heads: tuple[CredentialId, ...]
    sealed: tuple[CredentialId, ...] | None
    feeds: bytes
    state: bytes
    manifest: bytes
    size: int
    generation: GenerationId


class Cosign(NamedTuple):
    """The signer got the same state as that checkpoint."""

    checkpoint: CredentialId


class Purge(NamedTuple):
    """Objects are erased, and these blocks' payloads with them."""

    objects: tuple[ObjectId, ...]
    blocks: tuple[BlockId, ...]


Body: TypeAlias = (
    Genesis
    | Invite
    | Cancel
    | Admit
    | Raise
    | Lower
    | Remove
    | IdentityUpdate
    | AcceptHeld
    | KeyGeneration
    | Settings
    | Checkpoint
    | Cosign
    | Purge
)

KIND_OF: Final[dict[type[Body], str]] = {
    Genesis: "genesis",
    Invite: "invite",
    Cancel: "cancel",
    Admit: "admit",
    Raise: "raise",
    Lower: "lower",
    Remove: "remove",
    IdentityUpdate: "identity-update",
    AcceptHeld: "accept-held",
    KeyGeneration: "key-generation",
    Settings: "settings",
    Checkpoint: "checkpoint",
    Cosign: "cosign",
    Purge: "purge",
}


def body_value(body: Body) -> tuple[object, ...]:
    """Return what `codec.encode` takes: roles as their texts, settings under one array."""
    return tuple(item.text if isinstance(item, Role) else item for item in body)
