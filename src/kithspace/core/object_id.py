"""Which id does an object have?

Rules:
    A8  Own object: the first 16 bytes of `H(ks1/object, space ‖ "own" ‖ identity ‖ salt)`, top bit
        set: only its author can write it. Shared objects have the top bit clear.
    E3  Known object: the first 16 bytes of `H(ks1/object, space ‖ "known" ‖ type ‖ 0x00 ‖ key)`,
        top bit clear.
"""

from collections.abc import Callable
from typing import Final

from kithspace.core.crypto import hash_of
from kithspace.core.ids import OBJECT_ID_BYTES, IdentityId, ObjectId, SpaceId

SALT_BYTES: Final = 16
PROFILE_SALT: Final = bytes(SALT_BYTES)
_TOP_BIT: Final = 0x80


def shared_object_id(entropy: Callable[[int], bytes]) -> ObjectId:
    """A random id for a new shared object."""
    return _with_top_bit(entropy(OBJECT_ID_BYTES), 0)


def own_object_id(space: SpaceId, identity: IdentityId, salt: bytes) -> ObjectId:
    """The id of an object that only `identity` can write (A8)."""
    return _with_top_bit(hash_of("ks1/object", space + b"own" + identity + salt), _TOP_BIT)


def known_object_id(space: SpaceId, type_name: str, key: bytes) -> ObjectId:
    """The id of an object that every device of the space computes alike (E3)."""
    return _with_top_bit(
        hash_of("ks1/object", space + b"known" + type_name.encode() + b"\0" + key), 0
    )


def is_own(object_id: bytes) -> bool:
    """Whether this is the id of an own object (A8)."""
    return object_id[0] >= _TOP_BIT


def _with_top_bit(raw: bytes, bit: int) -> ObjectId:
    return ObjectId(bytes((raw[0] & ~_TOP_BIT | bit,)) + raw[1:OBJECT_ID_BYTES])
