"""What does a session tell about the spaces of one connection?

Rules: X1, X8 (who is told `SpaceMessage` or `EarlyCredentials` calls `dealt_with` afterwards), X12.
"""

from typing import NamedTuple

from kithspace.core.ids import DeviceKey, IdentityId, SpaceId
from kithspace.protocol.messages import AnyMessage, SignedRecord


class SpaceReady(NamedTuple):
    """Both proofs stand: this space may be synced on this connection. `peer_ms`: its clock."""

    space: SpaceId
    ch: int
    identity: IdentityId
    device: DeviceKey
    peer_ms: int
    now_ms: int


class SpaceGone(NamedTuple):
    """The space is not shared on this connection (any more)."""

    space: SpaceId
    code: str


class SpaceMessage(NamedTuple):
    """A message of an open space. Call `dealt_with` when its effects are done (X8)."""

    space: SpaceId
    message: AnyMessage
    lane: int
    size: int


class EarlyCredentials(NamedTuple):
    """Credentials before the space is open (X1, X12).

    Take them in, then call `credentials_taken`, and `dealt_with`.
    """

    space: SpaceId
    records: tuple[SignedRecord, ...]
    lane: int
    size: int


SharingEvent = SpaceReady | SpaceGone | SpaceMessage | EarlyCredentials
