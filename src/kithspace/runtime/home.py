"""What belongs to the person, and lies in the home space that all devices of the person share?

The list of spaces with their keys, and contacts.

Rules: E1, E2 (spaces of the person are those in kith.known-space), E3. Two fields are more than the
table of E3, since an object's id does not tell what it was made from: `kith.known-space` has
`space`, `kith.contact` has `identity`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from kithspace.core.ids import GENERATION_ID_BYTES, ID_BYTES, GenerationId, IdentityId, SpaceId
from kithspace.core.object_id import known_object_id
from kithspace.core.query import Plan
from kithspace.core.value import DATETIME, MAP, ROOT
from kithspace.ports import Draft, DraftObject, DraftWrite
from kithspace.runtime.names import read_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kithspace.core.codec import Value
    from kithspace.core.document import Document
    from kithspace.core.ids import ObjectId
    from kithspace.runtime.engine import Engine

KNOWN_SPACE: Final = "kith.known-space"
CONTACT: Final = "kith.contact"
_KEY_BYTES: Final = 32


class KnownSpace(NamedTuple):
    """A space in the person's list.

    Attributes:
        space: Its id.
        name: As last seen.
        is_left: One has left it.
        keys: Generation keys, for one's other devices.
    """

    space: SpaceId
    name: str
    is_left: bool
    keys: Mapping[GenerationId, bytes]


class Home:
    """The home space, read and written as what it is for.

    Args:
        engine: The open home space.
        app: Who acts.
    """

    def __init__(self, engine: Engine, app: str) -> None:
        self.engine = engine
        self._app = app

    # ---------------------------------------------------------------- spaces

    def spaces(self) -> dict[SpaceId, KnownSpace]:
        """All spaces of the person."""
        found = [_read_space(document) for document in self.engine.select(Plan(KNOWN_SPACE))]
        return {known.space: known for known in found if known is not None}

    def put_space(self, space: SpaceId, name: str, *, is_left: bool = False) -> None:
        """Write down that a space is the person's, and its name."""
        fields: dict[str, Value] = {"name": name, "left": is_left}
        created: dict[str, Value] = {"space": space, "joined": self._now(), "keys": (MAP, ())}
        self._put(KNOWN_SPACE, space, fields, created)

    def put_keys(self, space: SpaceId, keys: Mapping[GenerationId, bytes]) -> None:
        """Write down keys, so that one's other devices can enter (E3)."""
        id_ = self._id(KNOWN_SPACE, space)
        writes = [DraftWrite(("keys", gen), key) for gen, key in sorted(keys.items())]
        self._write(id_, writes)

    # ---------------------------------------------------------------- contacts

    def contacts(self) -> dict[IdentityId, str]:
        """What people were called when last met."""
        found = {}
        for document in self.engine.select(Plan(CONTACT)):
            identity = document.get("identity")
            if isinstance(identity, bytes):
                found[IdentityId(identity)] = read_name(document)
        return found

    def put_contact(self, identity: IdentityId, name: str, how: str) -> None:
        """Write down whom one has met."""
        created: dict[str, Value] = {"identity": identity, "met": self._now(), "how": how}
        self._put(CONTACT, identity, {"name": name}, created)

    # ---------------------------------------------------------------- inside

    def _id(self, type_name: str, key: bytes) -> ObjectId:
        return known_object_id(self.engine.space, type_name, key)

    def _now(self) -> Value:
        when = datetime.fromtimestamp(self.engine.clock.now_ms() / 1000, UTC)
        return (DATETIME, when.isoformat())

    def _put(
        self, type_name: str, key: bytes, fields: Mapping[str, Value], created: Mapping[str, Value]
    ) -> None:
        """Make the object with all fields, or write those that differ."""
        id_ = self._id(type_name, key)
        document = self.engine.document(id_)
        if document is None:
            flat = tuple(part for pair in sorted({**fields, **created}.items()) for part in pair)
            self._write(id_, [DraftWrite((), (ROOT, type_name, flat))])
            return
        changed = [
            (field, value) for field, value in fields.items() if document.get(field) != value
        ]
        self._write(id_, [DraftWrite((field,), value) for field, value in changed])

    def _write(self, id_: ObjectId, writes: list[DraftWrite]) -> None:
        if writes:
            part = DraftObject(id_, 0, 1, self.engine.document(id_), tuple(writes))
            self.engine.commit(Draft(self._app, (part,)))


def _read_space(document: Document) -> KnownSpace | None:
    space, keys = document.get("space"), document.get("keys")
    if not isinstance(space, bytes) or len(space) != ID_BYTES:
        return None
    found = {
        GenerationId(gen): key
        for gen, key in (keys.items() if isinstance(keys, dict) else ())
        if _is_bytes(gen, GENERATION_ID_BYTES) and _is_bytes(key, _KEY_BYTES)
    }
    return KnownSpace(SpaceId(space), read_name(document), document.get("left") is True, found)


def _is_bytes(value: object, size: int) -> bool:
    return isinstance(value, bytes) and len(value) == size
