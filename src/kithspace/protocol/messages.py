"""What do two nodes say to each other? Every message, its fields, its lane and its limit.

A message is a canonical CBOR array whose first item is its number. It is bounded before it is
parsed and typed whole before anybody acts on it, so that no shape of it raises anything but
`PeerError` (X1).

Rules:
    protocol.md section 5, the table of messages; A1, A2 (signed records travel as signed bytes).
    security.md 2.3 (canonical CBOR), 2.4 (limits).
    A message of an unknown number is passed over if a feature names it; else the connection ends.
"""

from typing import Annotated, Final, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from kithspace.core import codec
from kithspace.errors import CodecError, LimitError, PeerError
from kithspace.protocol.fields import (
    Bytes16,
    Bytes32,
    Channel,
    Code,
    Device,
    Feed,
    Generation,
    Heads,
    Identity,
    Name,
    Natural,
    Number32,
    SealedKey,
    Signature,
    Space,
    What,
)

CONTROL: Final = 0
LIVE: Final = 1
BULK: Final = 2
LANES: Final = (CONTROL, LIVE, BULK)

KIB: Final = 1024
MAX_CONTROL_BYTES: Final = 16 * KIB
MAX_MESSAGE_BYTES: Final = 1024 * KIB
MAX_CREDENTIALS_BYTES: Final = 256 * KIB
MAX_LEAVES_BYTES: Final = 64 * KIB
MAX_CHUNK_BYTES: Final = 257 * KIB
MAX_BLOCKS: Final = 1_000
MAX_RANGES: Final = 256
MAX_WANTED: Final = 256
TAG_BYTES: Final = 8
MAX_TAGS: Final = 1_024
ROOM: Final = KIB
"""What a message's other fields add to its biggest one."""

SignedRecord: TypeAlias = tuple[bytes, Signature]
"""A credential as it travels: the bytes that were signed, and the signature (A2)."""
SignedEntry: TypeAlias = tuple[bytes, Annotated[tuple[Signature, ...], Meta(max_length=16)]]
"""An identity entry: bytes, and a signature of each who had to sign it (A2)."""
WireBlock: TypeAlias = tuple[bytes, bytes | None, Signature | None]
"""A block: header, payload, signature; an open record: bytes, null, signature (A2)."""
Range: TypeAlias = tuple[Feed, Number32, Number32]
"""`[feed, first, end)`."""

CREDENTIALS: Final = 0
FEEDS: Final = 1


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The base of all messages."""


class ChannelMessage(Message, frozen=True):
    """The base of messages about one space: `ch` names it on this connection."""

    ch: Channel


class Hello(Message, frozen=True, tag=0):
    """First on both sides. `mode`: 0 members, 1 code, 2 link."""

    versions: tuple[Number32, Number32]
    features: Annotated[tuple[Code, ...], Meta(max_length=64)]
    mode: Annotated[int, Meta(ge=0, le=2)]
    nameplate: Annotated[str, Meta(pattern="^[1-9][0-9]{0,3}$")] | None


class Tags(Message, frozen=True, tag=1):
    """N3: eight bytes for each of one's access keys, and noise."""

    tags: Annotated[bytes, Meta(max_length=TAG_BYTES * MAX_TAGS)]


class Proof(ChannelMessage, frozen=True, tag=2):
    """N4: who I am in this space."""

    identity: Identity
    device: Device
    identity_heads: Heads
    credential_heads: Heads
    signature: Signature


class Ready(ChannelMessage, frozen=True, tag=3):
    """Your proof stands; you may be told things, and may tell me."""

    now_ms: Natural
    software: Annotated[str, Meta(max_length=64)]


class Gone(ChannelMessage, frozen=True, tag=4):
    """This space is not shared here (any more)."""

    code: Code


class Credit(Message, frozen=True, tag=5):
    """X8: so many more bytes may be sent on a lane."""

    lane: Annotated[int, Meta(ge=LIVE, le=BULK)]
    count: Number32


class Ping(Message, frozen=True, tag=6):
    """Are you there?"""

    number: Number32
    now_ms: Natural


class Pong(Message, frozen=True, tag=7):
    """The answer to a ping."""

    number: Number32
    now_ms: Natural


class Bye(Message, frozen=True, tag=8):
    """Before closing."""

    code: Code


class Digest(ChannelMessage, frozen=True, tag=16):
    """X5: count and root of a set."""

    what: What
    count: Natural
    root: Bytes32


class Buckets(ChannelMessage, frozen=True, tag=17):
    """X5: the 256 bucket digests, 8 bytes each."""

    what: What
    digests: Annotated[bytes, Meta(min_length=2_048, max_length=2_048)]


class Leaves(ChannelMessage, frozen=True, tag=18):
    """X5: the leaves of some buckets."""

    what: What
    buckets: Bytes32
    leaves: Annotated[bytes, Meta(max_length=MAX_LEAVES_BYTES)]
    more: bool


class WantCredentials(ChannelMessage, frozen=True, tag=19):
    """Starts of ids that are lacking; none asks for all."""

    ids: Annotated[tuple[Bytes16, ...], Meta(max_length=MAX_WANTED)]


class Credentials(ChannelMessage, frozen=True, tag=20):
    """Credentials, parents first."""

    records: tuple[SignedRecord, ...]


class Want(ChannelMessage, frozen=True, tag=21):
    """X6: ranges of blocks that are lacking."""

    ranges: Annotated[tuple[Range, ...], Meta(max_length=MAX_RANGES)]


class Blocks(ChannelMessage, frozen=True, tag=22):
    """Blocks; each feed's part ends at a signed one."""

    blocks: Annotated[tuple[WireBlock, ...], Meta(max_length=MAX_BLOCKS)]


class Have(ChannelMessage, frozen=True, tag=23):
    """X7: leaves of feeds that have grown."""

    leaves: Annotated[bytes, Meta(max_length=MAX_CONTROL_BYTES)]


class WantChunks(ChannelMessage, frozen=True, tag=24):
    """X9: chunks that are lacking."""

    hashes: Annotated[tuple[Bytes32, ...], Meta(max_length=64)]


class Chunk(ChannelMessage, frozen=True, tag=25):
    """X9: a chunk; null: not here."""

    hash: Bytes32
    body: Annotated[bytes, Meta(max_length=MAX_CHUNK_BYTES)] | None


class KeyRequest(ChannelMessage, frozen=True, tag=26):
    """X11: generations whose key is lacking."""

    generations: Annotated[tuple[Generation, ...], Meta(max_length=64)]


class KeyGive(ChannelMessage, frozen=True, tag=27):
    """X11: a generation's key, sealed to the asker."""

    generation: Generation
    sealed: SealedKey


class Ephemeral(ChannelMessage, frozen=True, tag=28):
    """X10: presence."""

    generation: Generation
    device: Device
    ms: Natural
    number: Natural
    sealed: Annotated[bytes, Meta(max_length=4 * KIB)]
    signature: Signature


class Fork(ChannelMessage, frozen=True, tag=29):
    """V12: two histories of one feed, from the first differing number to a signature each."""

    left: Annotated[tuple[bytes, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]
    left_signature: Signature
    right: Annotated[tuple[bytes, ...], Meta(min_length=1, max_length=MAX_BLOCKS)]
    right_signature: Signature


class Pake(Message, frozen=True, tag=40):
    """J2: one side of SPAKE2."""

    body: Annotated[bytes, Meta(min_length=33, max_length=33)]


class Confirm(Message, frozen=True, tag=41):
    """J3: that both have the same key."""

    mac: Bytes32


class Knock(Message, frozen=True, tag=42):
    """J6: I hold this link."""

    invite_key: Bytes32
    signature: Signature


class Preview(Message, frozen=True, tag=43):
    """J4: what one is about to join."""

    space: Space
    invite: Bytes32 | None
    role: Code
    space_name: Name
    inviter: Name
    members: Natural
    history: Code


class Introduce(Message, frozen=True, tag=44):
    """J4, J6: yes, and this is who I am."""

    entries: Annotated[tuple[SignedEntry, ...], Meta(min_length=1, max_length=1_024)]
    device: Device
    signature: Signature
    name: Name
    claim: Signature | None


class DeviceKeys(Message, frozen=True, tag=45):
    """J5: yes, and these are the keys of the new device."""

    sign: Bytes32
    agree: Bytes32


class Entry(Message, frozen=True, tag=46):
    """J5: the add-device entry, first without, then with the new device's signature."""

    body: Annotated[bytes, Meta(max_length=8 * KIB)]
    signature: Signature | None


class Welcome(Message, frozen=True, tag=47):
    """J4, J5: a key for each space, and the identity entries of who welcomes."""

    space: Space
    keys: Annotated[
        tuple[tuple[Space, Generation, SealedKey], ...], Meta(min_length=1, max_length=1_000)
    ]
    entries: Annotated[tuple[SignedEntry, ...], Meta(max_length=1_024)]


class Failed(Message, frozen=True, tag=48):
    """The invitation does not go on."""

    code: Code
    tries_left: Annotated[int, Meta(ge=0, le=3)]


Greeting: TypeAlias = Hello | Tags | Proof | Ready | Gone | Credit | Ping | Pong | Bye
Comparison: TypeAlias = Digest | Buckets | Leaves
Transfer: TypeAlias = WantCredentials | Credentials | Want | Blocks | Have | WantChunks | Chunk
Aside: TypeAlias = KeyRequest | KeyGive | Ephemeral | Fork
Entering: TypeAlias = Pake | Confirm | Knock | Preview | Introduce | DeviceKeys
Welcoming: TypeAlias = Entry | Welcome | Failed
AnyMessage: TypeAlias = Greeting | Comparison | Transfer | Aside | Entering | Welcoming


class Place(NamedTuple):
    """Where a message may travel and how long it may be."""

    lanes: tuple[int, ...]
    max_bytes: int


PLACES: Final[dict[type[Message], Place]] = {
    Leaves: Place((BULK,), MAX_LEAVES_BYTES + ROOM),
    Credentials: Place((LIVE, BULK), MAX_CREDENTIALS_BYTES),
    Blocks: Place((LIVE, BULK), MAX_MESSAGE_BYTES),
    Have: Place((LIVE,), MAX_CONTROL_BYTES),
    Chunk: Place((BULK,), MAX_CHUNK_BYTES + ROOM),
    KeyGive: Place((LIVE,), ROOM),
    Ephemeral: Place((LIVE,), 4 * KIB + ROOM),
    Fork: Place((LIVE,), MAX_CREDENTIALS_BYTES),
    Introduce: Place((LIVE,), MAX_CREDENTIALS_BYTES),
    Welcome: Place((LIVE,), MAX_CREDENTIALS_BYTES),
}
"""Messages that are not on lane 0; all others are, up to `MAX_CONTROL_BYTES`."""


def place_of(message: Message | type[Message]) -> Place:
    """Return the lanes and the limit of a message."""
    kind = message if isinstance(message, type) else type(message)
    return PLACES.get(kind, Place((CONTROL,), MAX_CONTROL_BYTES))


def max_bytes_of(lane: int) -> int:
    """Return the length of the longest message of a lane: the bound before it is parsed."""
    return MAX_CONTROL_BYTES if lane == CONTROL else MAX_MESSAGE_BYTES


def encode(message: AnyMessage) -> bytes:
    """Return the bytes of a message of ours."""
    number = type(message).__struct_config__.tag
    return codec.encode((number, *msgspec.structs.astuple(message)))


def decode(body: bytes, lane: int, passed_over: frozenset[int] = frozenset()) -> AnyMessage | None:
    """Type what a peer sent.

    Args:
        body: One whole message.
        lane: The lane it came on.
        passed_over: Numbers that a feature of the peer names; these messages give None.

    Raises:
        PeerError: E_LIMIT, E_ENCODING or E_MESSAGE: too long, not canonical, or of a wrong shape.
    """
    try:
        value = codec.decode(body, max_bytes_of(lane))
    except CodecError as error:
        code = "E_LIMIT" if isinstance(error, LimitError) else "E_ENCODING"
        raise PeerError(code, str(error)) from error
    if type(value) is not tuple or not value or type(value[0]) is not int:
        raise PeerError("E_MESSAGE", "a message is not an array with a number")
    if value[0] in passed_over and value[0] not in NUMBERS:
        return None
    try:
        message: AnyMessage = msgspec.convert(value, type=AnyMessage)
    except msgspec.ValidationError as error:
        raise PeerError("E_MESSAGE", f"message {value[0]} has a wrong shape") from error
    place = place_of(message)
    if lane not in place.lanes:
        raise PeerError("E_MESSAGE", f"{type(message).__name__} does not belong on lane {lane}")
    if len(body) > place.max_bytes:
        raise PeerError("E_LIMIT", f"{type(message).__name__} of {len(body)} bytes")
    return message


KINDS: Final[tuple[type[Message], ...]] = AnyMessage.__args__
NUMBERS: Final = {kind.__struct_config__.tag: kind for kind in KINDS}
"""Message types by their number."""
