"""What does sync tell the runtime, and what do the peers of a space share?

Rules: protocol.md X5-X7, X9-X11, V12. The runtime hands what arrived to the gate, and tells what
became of it by `SpaceSync.credentials_added`, `feeds_changed` and `refused`.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from kithspace.core.ids import DeviceKey
from kithspace.protocol.chunk_fetch import ChunkFetch
from kithspace.protocol.fetch import Fetch
from kithspace.protocol.fetch_credentials import CredentialFetch
from kithspace.protocol.key_requests import KeyRequests
from kithspace.protocol.leaves import LeafSet
from kithspace.protocol.messages import AnyMessage, Ephemeral, Fork, WireBlock
from kithspace.protocol.sets import Sets


class CredentialsArrived(NamedTuple):
    """Credentials came: to be admitted, then told by `credentials_added`."""

    peer: DeviceKey
    records: tuple[tuple[bytes, bytes], ...]


class BlocksArrived(NamedTuple):
    """Blocks came: for the gate; what is announced by them is told by `feeds_changed`."""

    peer: DeviceKey
    blocks: tuple[WireBlock, ...]


class KeyArrived(NamedTuple):
    """A key that was asked for came, sealed to this device."""

    peer: DeviceKey
    generation: bytes
    sealed: bytes


class ChunkArrived(NamedTuple):
    """A chunk that was asked for came; its hash is right."""

    peer: DeviceKey
    hash: bytes
    body: bytes


class ForkArrived(NamedTuple):
    """A proof that a device split its history (V12); the gate judges it."""

    peer: DeviceKey
    proof: Fork


class PresenceArrived(NamedTuple):
    """Presence came, for `presence`."""

    peer: DeviceKey
    message: Ephemeral


class InSync(NamedTuple):
    """Both sets were compared with this peer, and all that it listed has come."""

    peer: DeviceKey


SyncEvent: TypeAlias = (
    CredentialsArrived
    | BlocksArrived
    | KeyArrived
    | ChunkArrived
    | ForkArrived
    | PresenceArrived
    | InSync
)


class Outgoing(NamedTuple):
    """A message for the channel, and its lane."""

    message: AnyMessage
    lane: int


@dataclass(slots=True)
class Shared:
    """What the peers of one space share."""

    sets: Sets
    credentials: LeafSet
    feeds: LeafSet
    fetch: Fetch
    credential_fetch: CredentialFetch
    keys: KeyRequests = field(default_factory=KeyRequests)
    chunks: ChunkFetch = field(default_factory=ChunkFetch)

    @property
    def asking(self) -> "tuple[Fetch, CredentialFetch, KeyRequests, ChunkFetch]":
        """All that asks peers for something."""
        return self.fetch, self.credential_fetch, self.keys, self.chunks
