"""How does a new device become one of a person's devices?

The old device drafts the entry, the new one signs it, the old one signs too and publishes it; then
the new one gets a key of every space.

Rules: J5, I1 (an entry is signed by a live device and by the new one), K2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kithspace.core import crypto
from kithspace.core.credential import IdentityUpdate
from kithspace.core.identity import AddDevice, SignedEntry, decode_entry, entry_bytes
from kithspace.errors import CodecError, NotAllowed
from kithspace.runtime.exchange import Welcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kithspace.core.identity import Device
    from kithspace.core.ids import DeviceKey, GenerationId, SpaceId
    from kithspace.runtime.engine import Engine
    from kithspace.runtime.space import Space


def draft_entry(home: Engine, device: Device) -> bytes:
    """The entry that adds a device, for both to sign."""
    me = home.me
    heads = home.membership.identity_heads(me.identity)
    return entry_bytes(me.identity, heads, me.device.public, AddDevice(device))


def added_device(entry: bytes) -> DeviceKey | None:
    """The device that an unsigned entry adds; None if it is no such entry."""
    try:
        body = decode_entry(SignedEntry(entry, ())).body
    except CodecError:
        return None
    return body.device.sign if isinstance(body, AddDevice) else None


def add_to_home(home: Engine, device: DeviceKey, entry: bytes, signature: bytes) -> bool:
    """Sign the entry too, and write it into the home space; whether the device is in."""
    own = crypto.sign(home.me.device.secret, "ks1/ident", entry)
    signed = SignedEntry(entry, (own, signature))
    with home.lock:
        if home.membership.owner(device) == home.me.identity:
            return True
        try:
            home.admit_own([home.make_credential(IdentityUpdate((signed,)))])
        except NotAllowed:
            return False
    return True


def welcome_device(home: Engine, spaces: Iterable[Space], device: DeviceKey) -> Welcome:
    """What the new device gets: the identity log, and a key of every space."""
    keys = tuple(key for space in spaces if (key := _key_for(space, device)) is not None)
    entries = tuple(home.membership.identity_entries(home.me.identity))
    return Welcome(home.space, keys, entries)


def _key_for(space: Space, device: DeviceKey) -> tuple[SpaceId, GenerationId, bytes] | None:
    """The newest key that can be given, sealed to the device."""
    with space.engine.lock:
        for generation in space.engine.membership.generations:
            sealed = space.engine.keyring.seal_key(generation.id, device)
            if sealed is not None:
                return space.id, generation.id, sealed
    return None
