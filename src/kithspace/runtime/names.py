"""What are the space, the people in it and their devices called?

Names are ordinary data of the space, written by each person for oneself. Before they are here, what
the vault remembers is shown.

Rules: E3 (kith.space; kith.profile: own object, salt zeros). `kith.profile` has one field more than
the table of E3: `devices`, a map from a device's key (hex) to its name, so that others can see
"Ben's phone".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kithspace.core.ids import DeviceKey, to_text
from kithspace.core.naming import shown_name
from kithspace.core.object_id import PROFILE_SALT, known_object_id, own_object_id
from kithspace.core.value import MAP, ROOT
from kithspace.core.write import OWN, PROFILE_TYPE, SHARED
from kithspace.ports import Draft, DraftObject, DraftWrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.document import Document
    from kithspace.core.ids import IdentityId, ObjectId
    from kithspace.runtime.engine import Engine

SPACE_TYPE: Final = "kith.space"
KEY_TEXT: Final = 64
SHORT_ID: Final = 6


class Names:
    """The names in one space. Takes the space's lock by itself.

    Args:
        engine: The open space.
        last_name: The space's name as last seen.
        known: A person's name as the vault knows it from elsewhere; empty if it does not.
    """

    def __init__(self, engine: Engine, last_name: str, known: Callable[[IdentityId], str]) -> None:
        self._engine = engine
        self.last_name = last_name
        self._known = known

    # ---------------------------------------------------------------- reading

    @property
    def space(self) -> str:
        """The space's name."""
        name = read_name(self._engine.peek(self._space_id))
        if name:
            self.last_name = name
        return name or self.last_name

    def person(self, identity: IdentityId) -> str:
        """A person's name."""
        name = read_name(self._engine.peek(self.profile_id(identity)))
        return name or self._known(identity) or f"somebody ({to_text(identity)[:SHORT_ID]})"

    def device(self, identity: IdentityId, device: DeviceKey) -> str:
        """A device's name; empty if it is not known."""
        return read_devices(self._engine.peek(self.profile_id(identity))).get(device, "")

    def device_of(self, identity: IdentityId, device: DeviceKey) -> str:
        """A device as others call it: `Ben's phone`, `your phone`."""
        name = self.device(identity, device) or "device"
        if identity == self._engine.me.identity:
            return f"your {name}"
        return f"{self.person(identity)}'s {name}"

    def admins(self) -> list[str]:
        """Names of the admins."""
        return sorted(self.person(who) for who in self._engine.membership.admins)

    def profile_id(self, identity: IdentityId) -> ObjectId:
        """The id of a person's profile."""
        return own_object_id(self._engine.space, identity, PROFILE_SALT)

    @property
    def _space_id(self) -> ObjectId:
        return known_object_id(self._engine.space, SPACE_TYPE, b"")

    # ---------------------------------------------------------------- writing

    def name_space(self, name: str, app: str) -> None:
        """Give the space a name, for everybody."""
        writes = self._field_writes(self._space_id, SPACE_TYPE, {"name": name})
        self._write(self._space_id, writes, app, b"")

    def introduce(self, name: str, device_name: str, app: str) -> None:
        """Write one's own name and this device's, where they are not there yet."""
        me = self._engine.me
        id_ = self.profile_id(me.identity)
        document = self._engine.document(id_)
        writes = self._field_writes(id_, PROFILE_TYPE, {"name": name})
        key = DeviceKey(me.device.public)
        if document is None:
            devices = (MAP, (key.hex(), device_name))
            writes = [DraftWrite((), (ROOT, PROFILE_TYPE, ("devices", devices, "name", name)))]
        elif read_devices(document).get(key) != device_name:
            writes.append(DraftWrite(("devices", key.hex()), device_name))
        self._write(id_, writes, app, PROFILE_SALT)

    def _field_writes(
        self, id_: ObjectId, type_name: str, fields: dict[str, str]
    ) -> list[DraftWrite]:
        """What has to be written so that the object is there and its fields are these."""
        document = self._engine.document(id_)
        if document is None:
            flat = tuple(part for pair in sorted(fields.items()) for part in pair)
            return [DraftWrite((), (ROOT, type_name, flat))]
        return [
            DraftWrite((field,), value)
            for field, value in fields.items()
            if document.get(field) != value
        ]

    def _write(self, id_: ObjectId, writes: list[DraftWrite], app: str, salt: bytes) -> None:
        if writes:
            base = self._engine.document(id_)
            what = OWN if salt else SHARED
            part = DraftObject(id_, what, 1, base, tuple(writes), salt)
            self._engine.commit(Draft(app, (part,)))


def read_name(document: Document | None) -> str:
    """The field `name` of a document; empty if there is none."""
    if document is None or not document.live:
        return ""
    name = document.get("name")
    return shown_name(name) if isinstance(name, str) else ""


def read_devices(profile: Document | None) -> dict[DeviceKey, str]:
    """Names of a person's devices, from the profile."""
    names = None if profile is None else profile.get("devices")
    if not isinstance(names, dict):
        return {}
    return {
        DeviceKey(bytes.fromhex(key)): shown_name(name)
        for key, name in names.items()
        if isinstance(name, str) and _is_device_key(key)
    }


def _is_device_key(key: object) -> bool:
    return (
        isinstance(key, str)
        and len(key) == KEY_TEXT
        and all(letter in "0123456789abcdef" for letter in key)
    )
