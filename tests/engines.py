"""Engines that exchange by direct calls: no sockets, no protocol."""

from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.codec import Value
from kithspace.core.ids import DeviceKey, ObjectId
from kithspace.core.object_id import shared_object_id
from kithspace.core.roles import Role
from kithspace.core.value import ROOT
from kithspace.ports import Draft, DraftObject, DraftWrite, Store
from kithspace.runtime.engine import Engine
from kithspace.runtime.space_exchange import EngineExchange
from kithspace.testing.founding import Founded, found_space
from kithspace.testing.simulated_time import START_MS, SeededEntropy


class StillClock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.ms = START_MS + 1_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_ms(self) -> int:
        return self.ms


class Side:
    """One engine, its exchange with peers, and what it was asked for."""

    def __init__(
        self, founded: Founded, place: int, store: Store | None = None, *, is_new: bool = True
    ) -> None:
        self.store: Store = store or MemoryStore()
        if is_new:
            self.store.commit(founded.rows[place])
        self.clock = StillClock()
        self.entropy = SeededEntropy(place, "side")
        self.engine = Engine(
            founded.space,
            self.store,
            founded.authors[place],
            self.clock,
            self.entropy,
            lambda: None,
        )
        self.exchange = EngineExchange(founded.space, self.engine)

    @property
    def device(self) -> DeviceKey:
        return DeviceKey(self.engine.me.device.public)

    def add(self, **fields: Value) -> ObjectId:
        """Write a new object of type `task`."""
        id_ = shared_object_id(self.entropy)
        flat = tuple(part for pair in sorted(fields.items()) for part in pair)
        root = DraftWrite((), (ROOT, "task", flat))
        self.engine.commit(Draft("test", (DraftObject(id_, 0, 1, None, (root,)),)))
        return id_

    def set(self, id_: ObjectId, **fields: Value) -> None:
        """Write fields of an object."""
        base = self.engine.document(id_)
        writes = tuple(DraftWrite((name,), value) for name, value in fields.items())
        self.engine.commit(Draft("test", (DraftObject(id_, 0, 1, base, writes),)))

    def get(self, id_: ObjectId, field: str) -> object:
        document = self.engine.document(id_)
        return None if document is None else document.get(field)

    def pull(self, other: "Side") -> None:
        """Take everything that the other announces."""
        known = {leaf.id for leaf in self.exchange.credential_leaves()}
        lacking = [one.id for one in other.exchange.credential_leaves() if one.id not in known]
        found = other.exchange.credentials(lacking)
        if found:
            self.exchange.receive_credentials(found, other.device)
        for hash_ in self.exchange.lacking_chunks():
            chunk = other.exchange.chunk(hash_)
            if chunk is not None:
                self.exchange.receive_chunk(hash_, chunk)
        lengths = {leaf.feed: leaf.length for leaf in self.exchange.feed_leaves()}
        for leaf in other.exchange.feed_leaves():
            first = lengths.get(leaf.feed, 0)
            while first < leaf.length:
                blocks = other.exchange.blocks(leaf.feed, first, leaf.length)
                if not blocks:
                    break
                self.exchange.receive_blocks(blocks, other.device)
                first += len(blocks)

    def everything(self) -> dict[bytes, object]:
        """What is seen of every object."""
        rows = self.engine.state
        found: dict[bytes, object] = {}
        for n in range(1, rows.last_object() + 1):
            row = rows.object(n)
            if row is not None:
                document = self.engine.document(ObjectId(row.id))
                assert document is not None
                found[row.id] = (document.live, document.doc)
        return found


def sync(*sides: Side) -> None:
    """Release everything, and pull until nothing is new."""
    for _ in range(2):
        for side in sides:
            side.engine.release()
        for side in sides:
            for other in sides:
                if other is not side:
                    side.pull(other)


def two_sides(role: Role = Role.WRITER) -> tuple[Side, Side]:
    """An admin and another member."""
    founded = found_space((Role.ADMIN, role), (1, 1))
    return Side(founded, 0), Side(founded, 1)
