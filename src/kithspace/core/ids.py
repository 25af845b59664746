"""Ids, and how a person reads and types them.

Rules:
    A4  Identity, space, feed, credential, block, chunk, blob: 32 bytes. Object, key generation: 16.
        List item: 12. Text form: Crockford base32, lower case, no padding.
"""

from typing import Final, NewType

from kithspace.errors import CodecError

IdentityId = NewType("IdentityId", bytes)
SpaceId = NewType("SpaceId", bytes)
FeedId = NewType("FeedId", bytes)
BlockId = NewType("BlockId", bytes)
CredentialId = NewType("CredentialId", bytes)
DeviceKey = NewType("DeviceKey", bytes)
"""A device's Ed25519 public key, which names the device, 32 bytes."""
ObjectId = NewType("ObjectId", bytes)
GenerationId = NewType("GenerationId", bytes)
ItemId = NewType("ItemId", bytes)

ID_BYTES: Final = 32
OBJECT_ID_BYTES: Final = 16
GENERATION_ID_BYTES: Final = 16
ITEM_ID_BYTES: Final = 12

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)} | {
    "o": 0,
    "i": 1,
    "l": 1,
}


def to_text(raw: bytes) -> str:
    """Return the text form of an id: 16 bytes become 26 characters (A4)."""
    length = (len(raw) * 8 + 4) // 5
    number = int.from_bytes(raw, "big") << (length * 5 - len(raw) * 8)
    return "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def from_text(text: str) -> bytes:
    """Read what `to_text` wrote, in any case, with o, i and l read as 0, 1 and 1.

    Raises:
        CodecError: A character is not of the alphabet, or bits are left over.
    """
    number = 0
    for letter in text.lower():
        if letter not in _VALUES:
            raise CodecError(f"{letter!r} is not a character of an id")
        number = number << 5 | _VALUES[letter]
    spare = len(text) * 5 % 8
    if spare >= 5 or number & ((1 << spare) - 1):
        raise CodecError("an id has the wrong length")
    return (number >> spare).to_bytes(len(text) * 5 // 8, "big")
