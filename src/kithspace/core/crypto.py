"""The primitives, each under a label of its own. The only module that touches libsodium.

Rules (security.md 2.1, 2.2):
    H(label, x)      BLAKE2b-256, the label as personalisation.
    MAC(label, k, x) the same with a key. KDF(k, label, ctx) = MAC(label, k, ctx).
    Sign(sk, label, x) signs "kithspace/1" NUL, the label padded to 16 bytes, x.
    A label serves one purpose. Signatures are accepted exactly as libsodium accepts them.

Nothing here draws random bytes: seeds and nonces come in as arguments.
"""

import hashlib
import hmac
from typing import Final, Literal, NamedTuple

from nacl import _sodium, bindings
from nacl.exceptions import CryptoError

from kithspace.errors import KeyMismatch

Label = Literal[
    "ks1/cred",
    "ks1/ident",
    "ks1/feed",
    "ks1/block",
    "ks1/branch",
    "ks1/state",
    "ks1/blob",
    "ks1/blobfile",
    "ks1/invite",
    "ks1/claim",
    "ks1/meet",
    "ks1/words",
    "ks1/vault",
    "ks1/backup",
    "ks1/ephem",
    "ks1/presence",
    "ks1/chunk",
    "ks1/gencommit",
    "ks1/content",
    "ks1/wrap",
    "ks1/access",
    "ks1/topic",
    "ks1/offer",
    "ks1/match",
    "ks1/hello",
    "ks1/pake",
    "ks1/sync",
    "ks1/recover",
    "ks1/token",
    "ks1/audit",
    "ks1/object",
    "ks1/knock",
]

HASH_BYTES: Final = 32
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 24
SIGNATURE_BYTES: Final = 64
TAG_BYTES: Final = 16
SEED_BYTES: Final = 32
BOX_OVERHEAD: Final = 48
_SIGN_PREFIX: Final = b"kithspace/1\0"
_PAD: Final = 16
_BYTES: Final = _sodium.ffi.typeof("unsigned char[]")
_NULL: Final = _sodium.ffi.NULL


class KeyPair(NamedTuple):
    """A public key and its secret: Ed25519 (secret 64 bytes) or X25519 (secret 32 bytes)."""

    public: bytes
    secret: bytes


def hash_of(label: Label, message: bytes) -> bytes:
    """H: 32 bytes."""
    return hashlib.blake2b(message, digest_size=32, person=label.encode()).digest()


def hash_plain(message: bytes) -> bytes:
    """BLAKE2b-256 without a label: the hash of a sealed payload in a block's header."""
    return hashlib.blake2b(message, digest_size=32).digest()


def mac(label: Label, key: bytes, message: bytes) -> bytes:
    """MAC: 32 bytes."""
    return hashlib.blake2b(message, digest_size=32, key=key, person=label.encode()).digest()


def derive(key: bytes, label: Label, context: bytes) -> bytes:
    """KDF: a key of 32 bytes for one label and context."""
    return mac(label, key, context)


def same(left: bytes, right: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(left, right)


def sign_keypair(seed: bytes) -> KeyPair:
    """An Ed25519 key pair from 32 random bytes."""
    return KeyPair(*bindings.crypto_sign_seed_keypair(seed))


def agree_keypair(seed: bytes) -> KeyPair:
    """An X25519 key pair from 32 random bytes."""
    return KeyPair(bindings.crypto_scalarmult_base(seed), seed)


def agree(secret: bytes, public: bytes) -> bytes:
    """X25519.

    Raises:
        KeyMismatch: The result is all zero: the public key is of small order.
    """
    try:
        shared = bindings.crypto_scalarmult(secret, public)
    except (CryptoError, RuntimeError) as error:
        raise KeyMismatch("the other side's key is not usable") from error
    if shared == bytes(32):
        raise KeyMismatch("the other side's key is not usable")
    return shared


def sign(secret: bytes, label: Label, message: bytes) -> bytes:
    """Sign: 64 bytes, detached."""
    return bindings.crypto_sign(_signed(label, message), secret)[:SIGNATURE_BYTES]


def verify(public: bytes, label: Label, message: bytes, signature: bytes) -> bool:
    """Whether libsodium accepts the signature (security.md 2.1)."""
    if len(public) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + _signed(label, message), public)
    except CryptoError:
        return False
    return True


def _signed(label: Label, message: bytes) -> bytes:
    return _SIGN_PREFIX + label.encode().ljust(_PAD, b"\0") + message


def seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """XChaCha20-Poly1305-IETF; the nonce is 24 random bytes and is not in the result.

    Called for every block: libsodium is asked directly, at a third of the price of the bindings.
    """
    _check_lengths(key, nonce)
    sealed = _sodium.ffi.new(_BYTES, len(plaintext) + TAG_BYTES)
    _sodium.lib.crypto_aead_xchacha20poly1305_ietf_encrypt(
        sealed, _NULL, plaintext, len(plaintext), aad, len(aad), _NULL, nonce, key
    )
    return bytes(_sodium.ffi.buffer(sealed))


def open_sealed(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """The inverse of `seal`.

    Raises:
        KeyMismatch: The ciphertext was not sealed with this key, nonce and aad.
    """
    _check_lengths(key, nonce)
    size = len(ciphertext) - TAG_BYTES
    if size < 0:
        raise KeyMismatch("a key does not open this")
    opened = _sodium.ffi.new(_BYTES, size)
    failed = _sodium.lib.crypto_aead_xchacha20poly1305_ietf_decrypt(
        opened, _NULL, _NULL, ciphertext, len(ciphertext), aad, len(aad), nonce, key
    )
    if failed:
        raise KeyMismatch("a key does not open this")
    return bytes(_sodium.ffi.buffer(opened))


def _check_lengths(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES:
        raise KeyMismatch("a key or nonce has the wrong length")


def chacha_seal(key: bytes, nonce: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """ChaCha20-Poly1305-IETF with a 12-byte nonce, for Noise."""
    return bindings.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, aad, nonce, key)


def chacha_open(key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> bytes:
    """The inverse of `chacha_seal`.

    Raises:
        KeyMismatch: The ciphertext does not open.
    """
    try:
        return bindings.crypto_aead_chacha20poly1305_ietf_decrypt(ciphertext, aad, nonce, key)
    except (CryptoError, ValueError) as error:
        raise KeyMismatch("a frame does not open") from error


def box_seal(recipient: bytes, plaintext: bytes, seed: bytes) -> bytes:
    """Libsodium's `crypto_box_seal` with the ephemeral secret given as 32 random bytes.

    Source: libsodium, sealed boxes: nonce = BLAKE2b-192(ephemeral public, recipient).
    """
    ephemeral = agree_keypair(seed)
    nonce = hashlib.blake2b(ephemeral.public + recipient, digest_size=NONCE_BYTES).digest()
    return ephemeral.public + bindings.crypto_box(plaintext, nonce, recipient, ephemeral.secret)


def box_open(keys: KeyPair, sealed: bytes) -> bytes:
    """Open what `box_seal` closed for these X25519 keys.

    Raises:
        KeyMismatch: It was sealed for somebody else, or is damaged.
    """
    try:
        return bindings.crypto_box_seal_open(sealed, keys.public, keys.secret)
    except (CryptoError, ValueError, TypeError) as error:
        raise KeyMismatch("a sealed key is not for this device") from error


def stretch(passphrase: bytes, salt: bytes, passes: int, memory_bytes: int) -> bytes:
    """Argon2id: 32 bytes from a passphrase (S2)."""
    return bindings.crypto_pwhash_alg(
        KEY_BYTES,
        passphrase,
        salt,
        passes,
        memory_bytes,
        bindings.crypto_pwhash_ALG_ARGON2ID13,
    )
