"""Where do names of spaces, people and devices lie, and the person's list of spaces?

Objects of types that are ours, in the space itself or in the home space. They are read and written
like any other, through documents and drafts.

Rules: E1 (home space), E2 (kith.known-space is the list of spaces), E3 (ids and fields), A8 (own
objects). `kith.profile` has a field more than E3's table: `devices`, a map from a device's key (in
hex) to its name, so that others see "Ben's phone".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from kithspace.core.ids import DeviceKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.core.document import Document

SPACE: Final = "kith.space"
PROFILE: Final = "kith.profile"
KNOWN_SPACE: Final = "kith.known-space"
CONTACT: Final = "kith.contact"


class KnownSpace(NamedTuple):
    """A space in the person's list (E2)."""

    name: str
    is_left: bool
    keys: Mapping[bytes, bytes]
    """Generation keys, by generation, for one's other devices (E3)."""


def read_name(document: Document | None) -> str:
    """The field `name` of a document; empty if there is none."""
    if document is None or not document.live:
        return ""
    name = document.get("name")
    return name if isinstance(name, str) else ""


def read_device_names(profile: Document | None) -> dict[DeviceKey, str]:
    """Names of a person's devices, from the profile."""
    if profile is None:
        return {}
    names = profile.get("devices")
    if not isinstance(names, dict):
        return {}
    return {
        DeviceKey(bytes.fromhex(key)): name
        for key, name in names.items()
        if isinstance(key, str) and isinstance(name, str) and len(key) == 64
    }
