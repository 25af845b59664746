"""What does sync ask of the space that it keeps in step with peers?

Implemented by whoever holds the space open; all of it is what is on disk.

Rules: protocol.md X5 (what counts and is announced), X6, X9, X11; data.md F5.
"""

from collections.abc import Sequence
from typing import Protocol

from kithspace.core.ids import BlockId, CredentialId, DeviceKey, FeedId, GenerationId
from kithspace.protocol.messages import WireBlock


class Sets(Protocol):
    """Reads of one space.

    Assumes of an implementation:
        - What it answers belongs together: a feed's announced blocks can be read.
        - A credential that was once in the set stays in it.
    """

    def credential_leaves(self) -> Sequence[tuple[CredentialId, int]]:
        """Return all credentials that were accepted: id and depth."""

    def feed_leaves(self) -> Sequence[tuple[FeedId, int, BlockId]]:
        """Return all feeds and branches: id, announced length, head at that length."""

    def credentials_by_prefix(self, prefixes: Sequence[bytes]) -> Sequence[tuple[bytes, bytes]]:
        """Return bytes and signature of those whose id begins with one of these 16 bytes.

        Parents come before children.
        """

    def blocks(self, feed: FeedId, first: int, end: int) -> Sequence[WireBlock]:
        """Return blocks `[first, end)`, or fewer, running on to the next signed one (X6).

        Own blocks only as far as they are announced (F5). Behind what counts come held ones: they
        are not announced, but who has to satisfy a dep asks for them (C6).
        """

    def seal_key(self, generation: GenerationId, device: DeviceKey) -> bytes | None:
        """Seal a generation's key to a device, if it is here and the device entitled (X11, K4)."""

    def chunk(self, hash_: bytes, /) -> bytes | None:
        """Return a chunk that is here (X9)."""
