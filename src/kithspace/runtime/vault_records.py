"""What does the vault keep about this device, and in which form?

Each entry of `vault.db` is a key and canonical CBOR. What belongs to the person lies in the home
space instead (E1).

Keys: `me/name`, `me/device` (this device's name), `me/keys`, `me/identity`; `space/FILE`;
`code/ID`, `link/ID`, `used/HASH`; `setting/NAME`; `address/HOST:PORT`; `seen/…` (sightings).

Rules: E1, J1 (codes are kept sealed: the file is encrypted; tries are stored), protocol.md 8.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, NamedTuple

from kithspace.core.codec import PAYLOAD, Value, decode, encode
from kithspace.core.crypto import KeyPair, agree_keypair, hash_of, sign_keypair
from kithspace.core.identity import SignedEntry
from kithspace.core.ids import IdentityId, SpaceId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.ports import VaultFolder

_MAX_RECORD: Final = 16 * 1024 * 1024
"""A vault's own record; its file is ours alone, so the bound only stops damage."""


class Me(NamedTuple):
    """Whose vault it is, and the keys of this device."""

    name: str
    device_name: str
    identity: IdentityId
    sign: KeyPair
    agree: KeyPair


class SpaceRecord(NamedTuple):
    """A space's file. `name` is the one last seen; `active_ms` when it was last written to."""

    file: str
    space: SpaceId
    is_home: bool
    is_left: bool
    name: str
    created_ms: int
    active_ms: int


class CodeRecord(NamedTuple):
    """A one-time code (J1). `space` is empty for a device's code."""

    id: bytes
    nameplate: str
    words: str
    role: str
    space: bytes
    expires_ms: int
    tries_left: int
    used_by: bytes
    used_ms: int


class LinkRecord(NamedTuple):
    """A link made here: its seed, and the invite credential it belongs to (J6)."""

    id: bytes
    seed: bytes
    space: SpaceId
    text: str


class VaultRecords:
    """Typed access to `vault.db`, for one thread at a time (G4: the vault's lock).

    Args:
        folder: The open vault folder.
    """

    def __init__(self, folder: VaultFolder) -> None:
        self._folder = folder
        self._lock = threading.RLock()

    def read(self, prefix: str) -> dict[str, bytes]:
        """Return the entries whose key starts so."""
        with self._lock:
            return self._folder.read(prefix)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write entries in one transaction; None deletes."""
        with self._lock:
            self._folder.write(changes)

    # -- me

    def me(self) -> Me | None:
        """Whose vault it is; nothing if it has just been made."""
        parts = self.read("me/")
        if "me/keys" not in parts or "me/identity" not in parts:
            return None
        identity, _ = _array(parts["me/identity"], 2)
        return Me(
            _text(parts["me/name"]),
            _text(parts["me/device"]),
            IdentityId(_bytes(identity)),
            *self.keys(),
        )

    def keys(self) -> tuple[KeyPair, KeyPair]:
        """The keys of this device: to sign, to agree."""
        sign_seed, agree_seed = _array(self.read("me/keys")["me/keys"], 2)
        return sign_keypair(_bytes(sign_seed)), agree_keypair(_bytes(agree_seed))

    def put_keys(self, name: str, device_name: str, sign_seed: bytes, agree_seed: bytes) -> None:
        """Keep the keys of this device, before anything is signed with them."""
        self.write(
            {
                "me/name": encode(name),
                "me/device": encode(device_name),
                "me/keys": encode((sign_seed, agree_seed)),
            }
        )

    def rename(self, name: str) -> None:
        """Keep the person's name."""
        self.write({"me/name": encode(name)})

    def entries(self) -> list[SignedEntry]:
        """One's own identity log, parents first."""
        record = self.read("me/identity").get("me/identity")
        if record is None:
            return []
        _, entries = _array(record, 2)
        return [_entry(entry) for entry in _items(entries)]

    def put_identity(self, identity: IdentityId, entries: list[SignedEntry]) -> None:
        """Keep one's own identity log."""
        self.write({"me/identity": encode((identity, entries))})

    # -- spaces

    def spaces(self) -> list[SpaceRecord]:
        """All spaces' files that are known."""
        found = self.read("space/")
        return [SpaceRecord(key.partition("/")[2], *_array(found[key], 6)) for key in found]  # type: ignore[arg-type]

    def put_space(self, record: SpaceRecord) -> None:
        """Keep what is known of a space's file."""
        self.write({f"space/{record.file}": encode(record[1:])})

    def drop_space(self, file: str) -> None:
        """Forget a space's file."""
        self.write({f"space/{file}": None})

    # -- invitations

    def codes(self) -> list[CodeRecord]:
        """All codes, open and used."""
        return [CodeRecord(*_array(record, 9)) for record in self.read("code/").values()]  # type: ignore[arg-type]

    def put_code(self, code: CodeRecord) -> None:
        """Keep a code; on disk when this returns (J3)."""
        self.write({f"code/{code.id.hex()}": encode(code)})

    def drop_code(self, code: bytes) -> None:
        """Forget a code."""
        self.write({f"code/{code.hex()}": None})

    def links(self) -> list[LinkRecord]:
        """All links made here."""
        return [LinkRecord(*_array(record, 4)) for record in self.read("link/").values()]  # type: ignore[arg-type]

    def put_link(self, link: LinkRecord) -> None:
        """Keep a link's seed, so that it can be shown again."""
        self.write({f"link/{link.id.hex()}": encode(link)})

    def drop_link(self, link: bytes) -> None:
        """Forget a link's seed."""
        self.write({f"link/{link.hex()}": None})

    def joined_by(self, code: str) -> SpaceId | None:
        """The space that this vault joined by a code or link before."""
        key = _used_key(code)
        found = self.read(key).get(key)
        return None if found is None else SpaceId(found)

    def put_joined(self, code: str, space: SpaceId) -> None:
        """Remember which space a code or link led to."""
        self.write({_used_key(code): space})

    # -- settings and addresses

    def setting(self, name: str) -> Value:
        """A setting of this device, or None."""
        key = f"setting/{name}"
        found = self.read(key).get(key)
        return None if found is None else decode(found, _MAX_RECORD, PAYLOAD)

    def put_setting(self, name: str, value: object) -> None:
        """Keep a setting; None forgets it."""
        self.write({f"setting/{name}": None if value is None else encode(value)})

    def addresses(self) -> list[str]:
        """Addresses at which a peer was reached, as `host:port`."""
        return [key.partition("/")[2] for key in self.read("address/")]

    def put_address(self, address: str) -> None:
        """Remember where a peer was reached."""
        self.write({f"address/{address}": b""})


def _used_key(code: str) -> str:
    """A code's words are a secret also once used: only a hash is kept."""
    return f"used/{hash_of('ks1/token', code.encode()).hex()}"


def _array(record: bytes, length: int) -> tuple[Value, ...]:
    fields = decode(record, _MAX_RECORD, PAYLOAD)
    assert isinstance(fields, tuple)  # noqa: S101 - written by this module
    assert len(fields) == length  # noqa: S101
    return fields


def _items(value: Value) -> tuple[Value, ...]:
    assert isinstance(value, tuple)  # noqa: S101 - written by this module
    return value


def _bytes(value: Value) -> bytes:
    assert isinstance(value, bytes)  # noqa: S101 - written by this module
    return value


def _text(record: bytes) -> str:
    value = decode(record, _MAX_RECORD, PAYLOAD)
    assert isinstance(value, str)  # noqa: S101 - written by this module
    return value


def _entry(value: Value) -> SignedEntry:
    raw, sigs = _items(value)
    return SignedEntry(_bytes(raw), tuple(_bytes(sig) for sig in _items(sigs)))
