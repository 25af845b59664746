"""What makes a connection secret: `Noise_NN_25519_ChaChaPoly_SHA256`, without I/O.

Neither side proves who it is here; that follows inside the channel, by signatures over the
handshake hash (N4). The dialer writes message one, the listener message two; then both have a
`Transport`. A carrier keeps the bounds of messages.

Rules:
    N1  Prologue is "kithspace/1" and the kind of the carrier; payloads of the handshake are empty.
    N2  A counter per direction; REKEY before message k * 65,536, the counter goes on. A handshake
        message of another length, and anything that does not open, closes. A connection ends at
        2^32 messages or after 24 hours.

Source: The Noise Protocol Framework, revision 34, sections 4, 5, 7.5 and 11.3.
"""

import hashlib
import hmac
from enum import IntEnum
from typing import Final, Literal, NamedTuple

from kithspace.core import crypto
from kithspace.errors import KeyMismatch, PeerError

Carrier = Literal["ws", "tcp", "rtc"]

NOISE_NAME: Final = b"Noise_NN_25519_ChaChaPoly_SHA256"
PROLOGUE: Final = b"kithspace/1"
KEY_BYTES: Final = 32
HELLO_BYTES: Final = KEY_BYTES
ANSWER_BYTES: Final = KEY_BYTES + crypto.TAG_BYTES
MAX_MESSAGE_BYTES: Final = 65_535
MAX_PLAINTEXT_BYTES: Final = MAX_MESSAGE_BYTES - crypto.TAG_BYTES
REKEY_EVERY: Final = 65_536
MAX_MESSAGES: Final = 2**32
MAX_AGE_MS: Final = 24 * 3_600_000
_REKEY_NONCE: Final = bytes(4) + b"\xff" * 8


class Side(IntEnum):
    """Who opened the connection: the byte that N3 and N4 hash."""

    DIALER = 0
    LISTENER = 1

    @property
    def other(self) -> "Side":
        """The side of the peer."""
        return Side(1 - self)

    @property
    def byte(self) -> bytes:
        """As it is hashed: one byte."""
        return bytes([self])


class _Cipher:
    """One direction: a key and a counter (CipherState)."""

    __slots__ = ("_count", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._count = 0

    def seal(self, plaintext: bytes, aad: bytes = b"") -> bytes:
        nonce = self._step()
        return crypto.chacha_seal(self._key, nonce, plaintext, aad)

    def open(self, ciphertext: bytes, aad: bytes = b"") -> bytes:
        nonce = self._step()
        try:
            return crypto.chacha_open(self._key, nonce, ciphertext, aad)
        except KeyMismatch as error:
            raise PeerError("E_NOISE", "a frame does not open") from error

    def _step(self) -> bytes:
        """Take the next nonce; N2 rekeys and ends here."""
        count = self._count
        if count >= MAX_MESSAGES:
            raise PeerError("E_NOISE", "the connection is used up", score=0)
        if count and not count % REKEY_EVERY:
            self._key = n2_rekey(self._key)
        self._count = count + 1
        return bytes(4) + count.to_bytes(8, "little")


def n2_rekey(key: bytes) -> bytes:
    """N2: the next key of a direction (Noise section 4.2, REKEY)."""
    return crypto.chacha_seal(key, _REKEY_NONCE, bytes(KEY_BYTES), b"")[:KEY_BYTES]


class Transport:
    """Both directions of a finished handshake.

    Args:
        sending: Key of this side's messages.
        receiving: Key of the peer's.
        handshake_hash: The 32 bytes that name this connection (h in N3, N4, J2, J3).
    """

    __slots__ = ("_receiving", "_sending", "handshake_hash")

    def __init__(self, sending: bytes, receiving: bytes, handshake_hash: bytes) -> None:
        self._sending = _Cipher(sending)
        self._receiving = _Cipher(receiving)
        self.handshake_hash: Final = handshake_hash

    def seal(self, plaintext: bytes) -> bytes:
        """Return the message for the carrier; at most `MAX_PLAINTEXT_BYTES` go in."""
        return self._sending.seal(plaintext)

    def open(self, message: bytes) -> bytes:
        """Return what the peer sealed.

        Raises:
            PeerError: It does not open; the connection is to be closed without a word.
        """
        if not crypto.TAG_BYTES <= len(message) <= MAX_MESSAGE_BYTES:
            raise PeerError("E_NOISE", "a frame has an impossible length")
        return self._receiving.open(message)


class _Split(NamedTuple):
    first: bytes
    second: bytes


class Handshake:
    """One side of the two messages. Payloads may be given, because the published vectors do.

    Args:
        side: Whether this side dialled.
        prologue: What both must agree on (`prologue_of`).
        seed: 32 random bytes, the secret of this connection alone.
    """

    __slots__ = ("_cipher", "_hash", "_key_chain", "_keys", "_side")

    def __init__(self, side: Side, prologue: bytes, seed: bytes) -> None:
        self._side = side
        self._keys = crypto.agree_keypair(seed)
        self._hash = NOISE_NAME
        self._key_chain = NOISE_NAME
        self._cipher: _Cipher | None = None
        self._mix(prologue)

    def write_first(self, payload: bytes = b"") -> bytes:
        """Dialer: e."""
        self._mix(self._keys.public)
        return self._keys.public + self._seal(payload)

    def read_first(self, message: bytes) -> bytes:
        """Listener: e. Return the payload."""
        self._remote(message)
        return self._open(message[KEY_BYTES:])

    def write_second(self, remote: bytes, payload: bytes = b"") -> bytes:
        """Listener: e, ee; `remote` is the dialer's message."""
        self._mix(self._keys.public)
        self._agree(remote[:KEY_BYTES])
        return self._keys.public + self._seal(payload)

    def read_second(self, message: bytes) -> bytes:
        """Dialer: e, ee. Return the payload.

        Raises:
            PeerError: The answer does not open, or its key is unusable.
        """
        self._agree(self._remote(message))
        return self._open(message[KEY_BYTES:])

    def split(self) -> Transport:
        """Return the channel; the handshake is over and its secrets are forgotten."""
        first, second = _derive_two(self._key_chain, b"")
        if self._side is Side.LISTENER:
            first, second = second, first
        return Transport(first, second, self._hash)

    def _remote(self, message: bytes) -> bytes:
        if len(message) < KEY_BYTES:
            raise PeerError("E_NOISE", "a handshake message is too short")
        remote = message[:KEY_BYTES]
        self._mix(remote)
        return remote

    def _agree(self, remote: bytes) -> None:
        try:
            shared = crypto.agree(self._keys.secret, remote)
        except KeyMismatch as error:
            raise PeerError("E_NOISE", "the peer's key is unusable") from error
        self._key_chain, key = _derive_two(self._key_chain, shared)
        self._cipher = _Cipher(key)

    def _mix(self, part: bytes) -> None:
        self._hash = hashlib.sha256(self._hash + part).digest()

    def _seal(self, payload: bytes) -> bytes:
        sealed = self._cipher.seal(payload, self._hash) if self._cipher else payload
        self._mix(sealed)
        return sealed

    def _open(self, sealed: bytes) -> bytes:
        payload = self._cipher.open(sealed, self._hash) if self._cipher else sealed
        self._mix(sealed)
        return payload


def prologue_of(carrier: Carrier) -> bytes:
    """N1: what both sides hash before anything else."""
    return PROLOGUE + carrier.encode()


def n2_check_length(message: bytes, expected: int) -> None:
    """N2: a handshake message carries no payload of ours.

    Raises:
        PeerError: It has another length.
    """
    if len(message) != expected:
        raise PeerError("E_NOISE", "a handshake message has another length")


def _derive_two(chain: bytes, material: bytes) -> _Split:
    """HKDF of Noise section 4.3, two outputs."""
    temporary = hmac.digest(chain, material, "sha256")
    first = hmac.digest(temporary, b"\x01", "sha256")
    return _Split(first, hmac.digest(temporary, first + b"\x02", "sha256"))
