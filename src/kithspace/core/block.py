"""What are the bytes of an open record and of a block's header?

Rules (security.md 2.4, section 7; protocol.md A1-A3; data.md F5):
    Open record: `[1, 0, space, identity, device, auth, salt, [ms, counter], reason]`, signed with
    `ks1/feed`; its hash is the feed id.
    Header: `[1, kind, feed, seq, prev, deps, [ms, counter], gen, size, hash]`; id and signature
    (`ks1/block`) are over space and header. Deps and other lists are sorted, without duplicates.
    A3  The seal's additional data is the array of header fields 0-7; size and hash are of nonce
        and ciphertext.
    V1, V2, V6 are the checks that a block's bytes alone decide; `core/verify` numbers the rest.
"""

from typing import Final, NamedTuple

from kithspace.core import crypto
from kithspace.core.codec import Value, decode, encode, parse
from kithspace.core.ids import (
    GENERATION_ID_BYTES,
    ID_BYTES,
    BlockId,
    CredentialId,
    DeviceKey,
    FeedId,
    GenerationId,
    IdentityId,
    SpaceId,
)
from kithspace.core.stamp import COUNTER_BITS, MAX_MS
from kithspace.errors import (
    CodecError,
    LimitError,
    StampError,
    VersionError,
)

VERSION: Final = 1
OPENING: Final = 0
"""Kind of an open record; it is its own record, with seq 0."""
LAST: Final = 1
"""Kind of a block that ends a transaction run (mostly a run of one)."""
CONTINUED: Final = 3
"""Kind of a block whose transaction goes on in the next one (A10)."""

MAX_HEADER_BYTES: Final = 2_048
MAX_PAYLOAD_BYTES: Final = 256 * 1_024
MAX_DEPS: Final = 16
MAX_SEQ: Final = 2**32 - 1
MAX_RUN: Final = 64
"""Blocks of one transaction (A10)."""
SALT_BYTES: Final = 16
MAX_REASON: Final = 5
SEAL_OVERHEAD: Final = crypto.NONCE_BYTES + crypto.TAG_BYTES
_FIELDS: Final = 10
_OPENING_FIELDS: Final = 9
_EIGHT: Final = b"\x88"
_TEN: Final = b"\x8a"
_HASH: Final = b"\x58\x20"
"""What stands before 32 bytes in CBOR."""
_GENERATION: Final = b"\x50"
_COUNTER_MASK: Final = (1 << COUNTER_BITS) - 1


class Dep(NamedTuple):
    """A head of another feed that the author had applied: the header's feed, also of a branch."""

    feed: bytes
    seq: int
    id: bytes


class Header(NamedTuple):
    """A block's header. `time` is packed as in `core/stamp`."""

    kind: int
    feed: FeedId
    seq: int
    prev: bytes
    deps: tuple[Dep, ...]
    time: int
    gen: GenerationId
    size: int
    hash: bytes


class OpenRecord(NamedTuple):
    """The record that opens a feed: who writes there, by which right.

    `reason`: 0 first, 1 restored, 2 forked, 3 rotated, 4 clock, 5 new right.
    """

    space: SpaceId
    identity: IdentityId
    device: DeviceKey
    auth: CredentialId
    salt: bytes
    time: int
    reason: int
    id: FeedId
    record: bytes
    sig: bytes


# ---------------------------------------------------------------- open records


def open_record(
    space: SpaceId,
    identity: IdentityId,
    device: crypto.KeyPair,
    auth: CredentialId,
    salt: bytes,
    time: int,
    reason: int,
) -> OpenRecord:
    """Make and sign the record that opens a feed; `salt` is 16 random bytes."""
    fields = (VERSION, OPENING, space, identity, device.public, auth, salt, _pair(time), reason)
    record = encode(fields)
    return OpenRecord(
        space,
        identity,
        DeviceKey(device.public),
        auth,
        salt,
        time,
        reason,
        feed_id(record),
        record,
        crypto.sign(device.secret, "ks1/feed", record),
    )


def feed_id(record: bytes) -> FeedId:
    """The id of the feed that an open record opens."""
    return FeedId(crypto.hash_of("ks1/feed", record))


def branch_id(parent: bytes, first: bytes) -> FeedId:
    """The id of a branch: of the feed or branch that split, and the id of its first block (V12)."""
    return FeedId(crypto.hash_of("ks1/branch", parent + first))


def read_open_record(record: bytes, sig: bytes) -> OpenRecord:
    """Type an open record from outside; the signature is not checked here.

    Raises:
        LimitError: Over 2 KiB (V1).
        CodecError: Not canonical, or not of the right shape (V2).
        StampError: Its time is out of range (V8).
    """
    fields = decode(record, MAX_HEADER_BYTES)
    if type(fields) is not tuple or len(fields) < 2:
        raise CodecError("an open record is an array")
    _check_version(fields)
    if len(fields) != _OPENING_FIELDS or fields[1] != OPENING:
        raise CodecError("an open record has nine items")
    _, _, space, identity, device, auth, salt, time, reason = fields
    if type(reason) is not int or not 0 <= reason <= MAX_REASON:
        raise CodecError("an open record's reason is 0 to 5")
    return OpenRecord(
        SpaceId(_bytes(space, ID_BYTES)),
        IdentityId(_bytes(identity, ID_BYTES)),
        DeviceKey(_bytes(device, ID_BYTES)),
        CredentialId(_bytes(auth, ID_BYTES)),
        _bytes(salt, SALT_BYTES),
        _time(time),
        reason,
        feed_id(record),
        record,
        sig,
    )


def kind_of(record: bytes) -> int:
    """The kind of an encoded record, 0 for an open record; -1 if it cannot be one."""
    return record[2] if len(record) > 2 else -1


# ---------------------------------------------------------------- headers


def encode_aad(
    kind: int, feed: bytes, seq: int, prev: bytes, deps: tuple[Dep, ...], time: int, gen: bytes
) -> bytes:
    """Header fields 0-7 as an array: what the seal is bound to (A3).

    The same bytes as `encode` gives, at a third of the price: every block of a feed passes here.
    """
    return b"".join(
        (
            b"\x88\x01",
            bytes((kind,)),
            _HASH,
            feed,
            encode_uint(seq),
            _HASH,
            prev,
            encode(deps) if deps else b"\x80",
            b"\x82",
            encode_uint(time >> COUNTER_BITS),
            encode_uint(time & _COUNTER_MASK),
            _GENERATION,
            gen,
        )
    )


def encode_uint(number: int) -> bytes:
    """A number from 0 on, as `encode` writes it."""
    if number < 24:
        return bytes((number,))
    if number < 1 << 8:
        return bytes((0x18, number))
    if number < 1 << 16:
        return b"\x19" + number.to_bytes(2, "big")
    if number < 1 << 32:
        return b"\x1a" + number.to_bytes(4, "big")
    return b"\x1b" + number.to_bytes(8, "big")


def complete_header(aad: bytes, payload: bytes) -> bytes:
    """The header's bytes, from its first eight fields and the sealed payload."""
    return join_header(aad, len(payload), crypto.hash_plain(payload))


def join_header(aad: bytes, size: int, digest: bytes) -> bytes:
    """The header's bytes, from its first eight fields, and size and hash of the payload."""
    return _TEN + aad[1:] + encode_uint(size) + _HASH + digest


def aad_of(record: bytes, header: Header) -> bytes:
    """The first eight fields, cut out of the header's bytes."""
    tail = len(encode_uint(header.size)) + len(_HASH) + ID_BYTES
    return _EIGHT + record[1:-tail]


def block_id(space: SpaceId, record: bytes) -> BlockId:
    """The id of the block with this header."""
    return BlockId(crypto.hash_of("ks1/block", space + record))


def sign_block(space: SpaceId, record: bytes, device: crypto.KeyPair) -> bytes:
    """Sign a header, and with it all blocks before it in its feed (F5)."""
    return crypto.sign(device.secret, "ks1/block", space + record)


def is_signed_by(device: DeviceKey, space: SpaceId, record: bytes, sig: bytes) -> bool:
    """V9: whether the device signed this header in this space."""
    return crypto.verify(device, "ks1/block", space + record, sig)


def read_header(record: bytes) -> Header:
    """Type a header from outside.

    Raises:
        LimitError: Over a limit of security.md 2.4 (V1).
        VersionError: A version or kind that this program does not know (V2).
        CodecError: Not canonical, or not of the right shape (V2).
        StampError: Its time is out of range (V8).
    """
    header = _read_quickly(record)
    return _header_of(decode(record, MAX_HEADER_BYTES)) if header is None else header


def _read_quickly(record: bytes) -> Header | None:
    """The header, if these bytes are exactly what would be written for it; else None.

    Which error it is that others have, and of equals the first, is for the strict reader to say.
    """
    if len(record) > MAX_HEADER_BYTES:
        return None
    try:
        header = _header_of(parse(record))
    except (CodecError, LimitError, VersionError, StampError):
        return None
    aad = encode_aad(*header[:7])
    return header if join_header(aad, header.size, header.hash) == record else None


def _header_of(fields: Value) -> Header:
    if type(fields) is not tuple or len(fields) < 2:
        raise CodecError("a header is an array")
    _check_version(fields)
    kind = fields[1]
    if type(kind) is not int:
        raise CodecError("a kind is a number")
    if kind not in (LAST, CONTINUED):
        raise VersionError(f"a block of kind {kind}")
    if len(fields) != _FIELDS:
        raise CodecError("a header has ten items")
    _, _, feed, seq, prev, deps, time, gen, size, digest = fields
    if type(seq) is not int or not 1 <= seq <= MAX_SEQ:
        raise CodecError("a block's number is 1 to 2^32 - 1")
    if type(size) is not int or size < SEAL_OVERHEAD:
        raise CodecError("a payload is at least nonce and tag")
    if size > MAX_PAYLOAD_BYTES:
        raise LimitError("a payload is at most 256 KiB")
    feed = _bytes(feed, ID_BYTES)
    return Header(
        kind,
        FeedId(feed),
        seq,
        _bytes(prev, ID_BYTES),
        _deps(deps, feed),
        _time(time),
        GenerationId(_bytes(gen, GENERATION_ID_BYTES)),
        size,
        _bytes(digest, ID_BYTES),
    )


def fits(header: Header, payload: bytes) -> bool:
    """V6: whether this is the payload that the header names."""
    return len(payload) == header.size and crypto.hash_plain(payload) == header.hash


def _check_version(fields: tuple[Value, ...]) -> None:
    version = fields[0]
    if type(version) is not int:
        raise CodecError("a version is a number")
    if version != VERSION:
        raise VersionError(f"a record of version {version}")


def _deps(value: Value, own: bytes) -> tuple[Dep, ...]:
    if type(value) is not tuple:
        raise CodecError("deps are an array")
    if len(value) > MAX_DEPS:
        raise LimitError("more than 16 deps")
    deps: list[Dep] = []
    for item in value:
        if type(item) is not tuple or len(item) != 3 or type(item[1]) is not int:
            raise CodecError("a dep is feed, number and id")
        if not 0 <= item[1] <= MAX_SEQ or item[0] == own:
            raise CodecError("a dep is a block of another feed")
        dep = Dep(_bytes(item[0], ID_BYTES), item[1], _bytes(item[2], ID_BYTES))
        if deps and deps[-1] >= dep:
            raise CodecError("deps are not sorted")
        deps.append(dep)
    return tuple(deps)


def _bytes(value: Value, length: int) -> bytes:
    if type(value) is not bytes or len(value) != length:
        raise CodecError(f"expected {length} bytes")
    return value


def _pair(time: int) -> tuple[int, int]:
    return time >> COUNTER_BITS, time & _COUNTER_MASK


def _time(value: Value) -> int:
    if type(value) is not tuple or len(value) != 2:
        raise CodecError("a time is [ms, counter]")
    ms, counter = value
    if type(ms) is not int or type(counter) is not int:
        raise CodecError("a time is two numbers")
    if not 0 <= ms < MAX_MS or not 0 <= counter <= _COUNTER_MASK:
        raise StampError("a time is out of range")
    return ms << COUNTER_BITS | counter
