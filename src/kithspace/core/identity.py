"""What does an identity say about its devices, and in which bytes?

An identity is a small signed log. This module makes, encodes, decodes and checks single entries;
`identity_log` folds them.

Rules (security.md 3, protocol.md A1, A2):
    An entry is `[1, identity or null, kind, parents, issuer, body]`. Its id is
    `H(ks1/ident, bytes)` without the signatures; the genesis entry's id is the identity's id.
    Signatures stand in the order of the table: the device and the recovery key (genesis), the
    issuer and the new device (add-device, rotate-device), else the issuer alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from kithspace.core.codec import Value, decode, encode
from kithspace.core.crypto import KeyPair, hash_of, sign, verify
from kithspace.core.ids import ID_BYTES, DeviceKey, IdentityId
from kithspace.core.record import (
    check_sorted,
    take_array,
    take_bytes,
    take_choice,
    take_ids,
    take_int,
    take_list,
)
from kithspace.errors import CodecError, VersionError

Entropy: TypeAlias = Callable[[int], bytes]

VERSION: Final = 1
KEY: Final = 32
NONCE: Final = 16
MAX_ENTRY_BYTES: Final = 4_096
MAX_PARENTS: Final = 16
MAX_ENTRIES: Final = 1_024
MAX_DEVICES: Final = 32
MAX_GUARDIANS: Final = 9
FLAGS: Final = ("keeper", "ephemeral")
REASONS: Final = ("lost", "retired", "stolen")


class Device(NamedTuple):
    """A device's public keys; the signing key names it."""

    sign: DeviceKey
    agree: bytes


class SignedEntry(NamedTuple):
    """An entry as it is stored and sent: the bytes that were signed, and the signatures."""

    raw: bytes
    sigs: tuple[bytes, ...]


class EntryGenesis(NamedTuple):
    """The first entry: the first device, and the recovery key if there is one already."""

    device: Device
    recovery: bytes | None
    nonce: bytes


class AddDevice(NamedTuple):
    """One more device, which has signed too (proof of possession)."""

    device: Device
    flags: tuple[str, ...] = ()


class RemoveDevice(NamedTuple):
    """A device goes, for ever."""

    device: DeviceKey
    reason: str


class RotateDevice(NamedTuple):
    """A device's keys are replaced; it keeps its place."""

    old: DeviceKey
    device: Device


class SetRecovery(NamedTuple):
    """The recovery phrase's key, and guardians' keys of which `k` act as recovery."""

    phrase: bytes
    guardians: tuple[bytes, ...]
    k: int


class Profile(NamedTuple):
    """A reference to a blob; name and picture are encrypted in each space."""

    blob: bytes


EntryBody: TypeAlias = (
    EntryGenesis | AddDevice | RemoveDevice | RotateDevice | SetRecovery | Profile
)

KINDS: Final[dict[type[EntryBody], str]] = {
    EntryGenesis: "genesis",
    AddDevice: "add-device",
    RemoveDevice: "remove-device",
    RotateDevice: "rotate-device",
    SetRecovery: "set-recovery",
    Profile: "profile",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A decoded entry, its shape good; `is_authentic` asks the signatures."""

    id: bytes
    identity: IdentityId
    parents: tuple[bytes, ...]
    issuer: bytes
    body: EntryBody
    signed: SignedEntry

    @property
    def introduced(self) -> Device | None:
        """The device that this entry adds, if it does."""
        match self.body:
            case EntryGenesis(device=device) | AddDevice(device=device):
                return device
            case RotateDevice(device=device):
                return device
            case _:
                return None

    @property
    def removed(self) -> DeviceKey | None:
        """The device that this entry takes away, if it does (a revoker: I4)."""
        match self.body:
            case RemoveDevice(device=key):
                return key
            case RotateDevice(old=key):
                return key
            case _:
                return None


# ---------------------------------------------------------------- making


def found_identity(
    device: KeyPair, agree: bytes, entropy: Entropy, recovery: KeyPair | None = None
) -> SignedEntry:
    """Return the genesis entry of a new identity; its id is the identity's id.

    Args:
        device: The first device's signing keys.
        agree: The first device's agreement key, public, 32 bytes.
        entropy: 16 bytes are drawn.
        recovery: The keys made of the recovery phrase, if one was shown already.
    """
    first = Device(DeviceKey(device.public), agree)
    public = recovery.public if recovery else None
    body = EntryGenesis(first, public, entropy(NONCE))
    raw = _encode(None, (), device.public, body)
    signers = [device] if recovery is None else [device, recovery]
    return SignedEntry(raw, tuple(sign(keys.secret, "ks1/ident", raw) for keys in signers))


def entry_bytes(
    identity: IdentityId, parents: Sequence[bytes], issuer: bytes, body: EntryBody
) -> bytes:
    """Return the bytes to sign of an entry that is not a genesis.

    Two devices sign an add-device entry: this is what travels between them (J5).
    """
    return _encode(identity, tuple(sorted(set(parents))), issuer, body)


def sign_entry(raw: bytes, *signers: KeyPair) -> SignedEntry:
    """Sign an entry's bytes, with the signers in the order of the table."""
    return SignedEntry(raw, tuple(sign(keys.secret, "ks1/ident", raw) for keys in signers))


def entry_id(raw: bytes) -> bytes:
    """Return an entry's id, 32 bytes; for a genesis, also the identity's."""
    return hash_of("ks1/ident", raw)


# ---------------------------------------------------------------- reading


def decode_entry(signed: SignedEntry) -> Entry:
    """Read an entry from outside; its signatures are not checked here.

    Raises:
        VersionError: Another version.
        CodecError: Its shape is not that of its kind.
    """
    fields = decode(signed.raw, MAX_ENTRY_BYTES)
    if type(fields) is not tuple or not fields:
        raise CodecError("an entry is not an array")
    if fields[0] != VERSION or type(fields[0]) is not int:
        raise VersionError("an identity entry of another version")
    _, identity, kind, parents, issuer, body = take_array(fields, 6)
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise VersionError("an identity entry of an unknown kind")
    own_id = entry_id(signed.raw)
    entry = Entry(
        own_id,
        IdentityId(own_id if identity is None else take_bytes(identity, ID_BYTES)),
        take_ids(parents, ID_BYTES, MAX_PARENTS),
        take_bytes(issuer, KEY),
        read(body),
        signed,
    )
    _check_frame(entry, is_first=identity is None)
    return entry


def is_authentic(entry: Entry) -> bool:
    """Whether all signatures of the table are there and good (part of I1)."""
    signers = _signers(entry)
    sigs = entry.signed.sigs
    return len(sigs) == len(signers) and all(
        verify(key, "ks1/ident", entry.signed.raw, sig)
        for key, sig in zip(signers, sigs, strict=True)
    )


def _check_frame(entry: Entry, *, is_first: bool) -> None:
    body = entry.body
    if isinstance(body, EntryGenesis):
        if not is_first or entry.parents or entry.issuer != body.device.sign:
            raise CodecError(
                "a genesis entry has no identity, no parents, and its device as issuer"
            )
    elif is_first or not entry.parents:
        raise CodecError("an entry names its identity and its parents")
    if isinstance(body, RotateDevice) and entry.issuer != body.old:
        raise CodecError("a device rotates its own keys")


def _signers(entry: Entry) -> tuple[bytes, ...]:
    match entry.body:
        case EntryGenesis(device=device, recovery=recovery):
            return (device.sign,) if recovery is None else (device.sign, recovery)
        case AddDevice(device=device) | RotateDevice(device=device):
            return (entry.issuer, device.sign)
        case _:
            return (entry.issuer,)


def _encode(
    identity: IdentityId | None, parents: tuple[bytes, ...], issuer: bytes, body: EntryBody
) -> bytes:
    return encode([VERSION, identity, KINDS[type(body)], parents, issuer, body])


# ---------------------------------------------------------------- bodies


def _read_device(value: Value) -> Device:
    sign_key, agree_key = take_array(value, 2)
    return Device(DeviceKey(take_bytes(sign_key, KEY)), take_bytes(agree_key, KEY))


def _read_genesis(value: Value) -> EntryGenesis:
    device, recovery, nonce = take_array(value, 3)
    public = None if recovery is None else take_bytes(recovery, KEY)
    return EntryGenesis(_read_device(device), public, take_bytes(nonce, NONCE))


def _read_add(value: Value) -> AddDevice:
    device, flags = take_array(value, 2)
    texts = tuple(take_choice(flag, FLAGS) for flag in take_list(flags, len(FLAGS)))
    check_sorted(texts)
    return AddDevice(_read_device(device), texts)


def _read_remove(value: Value) -> RemoveDevice:
    key, reason = take_array(value, 2)
    return RemoveDevice(DeviceKey(take_bytes(key, KEY)), take_choice(reason, REASONS))


def _read_rotate(value: Value) -> RotateDevice:
    old, new = take_array(value, 2)
    return RotateDevice(DeviceKey(take_bytes(old, KEY)), _read_device(new))


def _read_recovery(value: Value) -> SetRecovery:
    phrase, guardians, k = take_array(value, 3)
    keys = take_ids(guardians, KEY, MAX_GUARDIANS)
    return SetRecovery(take_bytes(phrase, KEY), keys, take_int(k, 0, len(keys)))


def _read_profile(value: Value) -> Profile:
    (blob,) = take_array(value, 1)
    return Profile(take_bytes(blob, ID_BYTES))


_READERS: Final[dict[str, Callable[[Value], EntryBody]]] = {
    "genesis": _read_genesis,
    "add-device": _read_add,
    "remove-device": _read_remove,
    "rotate-device": _read_rotate,
    "set-recovery": _read_recovery,
    "profile": _read_profile,
}
