"""How is a block's payload padded, sealed and opened, and how does it lie in the store?

Rules:
    security.md 2.5  Plaintext: u32 length, body, zeros up to a Padmé length of at least 256; sealed
        under a key of its feed and generation, bound to header fields 0-7 (A3).
    B7  A stored block is `clear` and `body`: sealed again, it gives the same bytes as before.
    V14 What does not open with the committed key, or is padded otherwise, is `PayloadError`: the
        same on every node.

Source of the padding: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files" (2019).
"""

from typing import Final, NamedTuple

from kithspace.core import crypto
from kithspace.core.block import (
    MAX_HEADER_BYTES,
    SEAL_OVERHEAD,
    Dep,
    Header,
    complete_header,
    encode_aad,
    encode_uint,
)
from kithspace.core.codec import PAYLOAD, decode, encode
from kithspace.core.effects import PutBlock
from kithspace.core.ids import FeedId, GenerationId
from kithspace.errors import KeyMismatch, PayloadError

MIN_PADDED: Final = 256
OPENED: Final = 0
CIPHERTEXT: Final = 1
_LENGTH_BYTES: Final = 4


def content_key(generation_key: bytes, feed: FeedId) -> bytes:
    """The key that seals the payloads of one feed under one generation (2.5)."""
    return crypto.derive(generation_key, "ks1/content", feed)


def padded_length(length: int) -> int:
    """The Padmé length of `length` bytes: at most 12 % more, at least 256."""
    if length <= MIN_PADDED:
        return MIN_PADDED
    exponent = length.bit_length() - 1
    spare = exponent - exponent.bit_length()
    mask = (1 << spare) - 1
    return (length + mask) & ~mask


def sealed_size(body_length: int) -> int:
    """Bytes of the sealed payload for a body of this length."""
    return padded_length(body_length + _LENGTH_BYTES) + SEAL_OVERHEAD


def seal_body(key: bytes, nonce: bytes, body: bytes, aad: bytes) -> bytes:
    """Nonce and ciphertext of a body; the same arguments give the same bytes (B7)."""
    length = len(body) + _LENGTH_BYTES
    plaintext = len(body).to_bytes(_LENGTH_BYTES, "big") + body
    padded = plaintext + bytes(padded_length(length) - length)
    return nonce + crypto.seal(key, nonce, padded, aad)


def open_body(key: bytes, payload: bytes, aad: bytes) -> bytes:
    """Open what `seal_body` closed.

    Raises:
        PayloadError: It does not open, or is not padded as it has to be (V14).
    """
    nonce = payload[: crypto.NONCE_BYTES]
    try:
        padded = crypto.open_sealed(key, nonce, payload[crypto.NONCE_BYTES :], aad)
    except KeyMismatch as error:
        raise PayloadError("a payload does not open") from error
    end = int.from_bytes(padded[:_LENGTH_BYTES], "big") + _LENGTH_BYTES
    if len(padded) != padded_length(end) or padded.count(0, end) != len(padded) - end:
        raise PayloadError("a payload is not padded as it has to be")
    return padded[_LENGTH_BYTES:end]


class Clear(NamedTuple):
    """The reduced header of a stored block: size and hash follow from the body."""

    form: int
    prev: bytes
    deps: tuple[Dep, ...]
    kind: int
    time: int
    gen: GenerationId


def encode_clear(form: int, header: Header) -> bytes:
    """Encode `PutBlock.clear`, as `encode` would."""
    return b"".join(
        (
            b"\x86",
            bytes((form,)),
            b"\x58\x20",
            header.prev,
            encode(header.deps) if header.deps else b"\x80",
            bytes((header.kind,)),
            encode_uint(header.time),
            b"\x50",
            header.gen,
        )
    )


def read_clear(clear: bytes) -> Clear:
    """Read `PutBlock.clear` from the space's own file."""
    fields = decode(clear, 2 * MAX_HEADER_BYTES, PAYLOAD)
    form, prev, deps, kind, time, gen = fields  # type: ignore[misc, str-unpack]
    named = tuple(Dep(*dep) for dep in deps)  # type: ignore[union-attr, misc]
    return Clear(form, prev, named, kind, time, gen)  # type: ignore[arg-type]


def wire_of(block: PutBlock, feed: FeedId, key: bytes | None) -> tuple[bytes, bytes]:
    """Header and sealed payload of a stored block, byte for byte as they came (B7).

    Args:
        block: The stored block.
        feed: The feed id of its header, also on a branch.
        key: `content_key` of its generation; only form 0 needs it.
    """
    clear = read_clear(block.clear)
    aad = encode_aad(clear.kind, feed, block.seq, clear.prev, clear.deps, clear.time, clear.gen)
    payload = block.body
    if clear.form == OPENED:
        if key is None:
            raise PayloadError("a block was stored with a key that is gone")
        nonce, body = block.body[: crypto.NONCE_BYTES], block.body[crypto.NONCE_BYTES :]
        payload = seal_body(key, nonce, body, aad)
    return complete_header(aad, payload), payload
