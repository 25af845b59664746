"""How do two people who share three words get a key? SPAKE2, then key confirmation.

Rules:
    J2  `SPAKE2_A` = inviter, `SPAKE2_B` = joiner, over Ed25519; the password is the three words
        joined by hyphens; idA = "ks1/inviter" ‖ h, idB = "ks1/joiner" ‖ h.
    J3  Confirmation, which SPAKE2 leaves out: `MAC(ks1/pake, K, letter ‖ h ‖ inviter's message ‖
        joiner's message)`, "B" of the joiner first, then "A".
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from spake2 import SPAKE2_A, SPAKE2_B, SPAKEError
from spake2.ed25519_basic import NotOnCurve

from kithspace.core import crypto
from kithspace.errors import PeerError

BODY_BYTES: Final = 33
CHECK_BYTES: Final = 3


class Role(StrEnum):
    """Who invites, and who joins: the letter of J3."""

    INVITER = "A"
    JOINER = "B"


class Pake:
    """One side of one try.

    Args:
        role: Inviter or joiner.
        password: The three words joined by hyphens.
        handshake_hash: h: a middleman stands between two different ones.
        entropy: 64 bytes are drawn.
    """

    def __init__(
        self, role: Role, password: bytes, handshake_hash: bytes, entropy: Callable[[int], bytes]
    ) -> None:
        kind = SPAKE2_A if role is Role.INVITER else SPAKE2_B
        ids = (b"ks1/inviter" + handshake_hash, b"ks1/joiner" + handshake_hash)
        self._role = role
        self._hash = handshake_hash
        self._spake = kind(password, idA=ids[0], idB=ids[1], entropy_f=entropy)
        self._key = b""
        self._transcript = b""
        self.body: bytes = self._spake.start()

    def finish(self, body: bytes) -> None:
        """Take in the other's message.

        Raises:
            PeerError: It is no point of the group, or of one's own side.
        """
        if len(body) != BODY_BYTES:
            raise PeerError("E_PAKE", "a message of another length")
        try:
            self._key = self._spake.finish(body)
        except (SPAKEError, NotOnCurve, ValueError, AssertionError) as error:
            raise PeerError("E_PAKE", "not a message of the other side") from error
        first, second = (self.body, body) if self._role is Role.INVITER else (body, self.body)
        self._transcript = self._hash + first + second

    def confirmation(self, role: Role) -> bytes:
        """J3: the confirmation that this role sends."""
        return crypto.mac("ks1/pake", self._key, role.encode() + self._transcript)

    def is_good(self, confirmation: bytes) -> bool:
        """J3: whether the other side has the same key."""
        other = Role.JOINER if self._role is Role.INVITER else Role.INVITER
        return crypto.same(confirmation, self.confirmation(other))

    @property
    def check(self) -> bytes:
        """J4: what the two check words are made of."""
        return crypto.mac("ks1/words", self._key, self._hash)[:CHECK_BYTES]
