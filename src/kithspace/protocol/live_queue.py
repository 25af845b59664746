"""Which small things go to a peer on the live lane: keys, proofs of forks, presence?

Rules: protocol.md X8 (only where there is room), X10 (presence is not kept: a newer one takes the
place of one that has not gone out), X11, V12.
"""

from collections import deque
from typing import Final

from kithspace.core.ids import GenerationId
from kithspace.protocol.messages import (
    MAX_CREDENTIALS_BYTES,
    ROOM,
    Ephemeral,
    Fork,
    KeyGive,
)

MAX_QUEUED: Final = 256


class LiveQueue:
    """What waits for room; beyond 256 things the newest are dropped: they are asked for again.

    Args:
        ch: The space's channel on this connection.
    """

    def __init__(self, ch: int) -> None:
        self._ch = ch
        self._told: deque[KeyGive | Fork] = deque()
        self._presence: Ephemeral | None = None

    def give_key(self, generation: GenerationId, sealed: bytes) -> None:
        """X11: a key, sealed to the peer."""
        self._tell(KeyGive(self._ch, generation, sealed))

    def tell_fork(self, proof: Fork) -> None:
        """V12: the proof that a device split its history."""
        sides = proof.left, proof.left_signature, proof.right, proof.right_signature
        self._tell(Fork(self._ch, *sides))

    def _tell(self, message: KeyGive | Fork) -> None:
        if len(self._told) < MAX_QUEUED:
            self._told.append(message)

    def show(self, presence: Ephemeral) -> None:
        """X10: what this device shows now."""
        self._presence = Ephemeral(
            self._ch,
            presence.generation,
            presence.device,
            presence.ms,
            presence.number,
            presence.sealed,
            presence.signature,
        )

    def next_told(self, room_bytes: int) -> KeyGive | Fork | None:
        """The next key or proof, if there is room for any of them."""
        if self._told and room_bytes >= MAX_CREDENTIALS_BYTES:
            return self._told.popleft()
        return None

    def next_presence(self, room_bytes: int) -> Ephemeral | None:
        """The newest presence, if there is room."""
        presence = self._presence
        if presence is None or room_bytes < len(presence.sealed) + ROOM:
            return None
        self._presence = None
        return presence
