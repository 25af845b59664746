"""What does a space look like that lies in memory only? The port `Store` without a disk.

For `":memory:"` vaults, tests and simulations; it passes the same conformance suite as SQLite.

Rules:
    B5  A commit that fails leaves nothing: every change is noted with what was there before.
    F2  Memory cannot be older than what was sent from it: never in doubt.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from kithspace.core.effects import (
    SEQ_BITS,
    DropBlock,
    DropHeld,
    DropItem,
    DropObject,
    DropTexts,
    MoveBlocks,
    PutAbout,
    PutBlock,
    PutChunk,
    PutCredential,
    PutFeed,
    PutHeld,
    PutItem,
    PutKey,
    PutObject,
    PutText,
    PutTouched,
    PutType,
    Row,
)
from kithspace.core.ids import from_text
from kithspace.core.state import State, WireBlock, prev_of
from kithspace.core.wire import blocks_as_sent
from kithspace.ports import Entropy, Opening

if TYPE_CHECKING:
    from kithspace.core.projection import Json
    from kithspace.core.query import Plan

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Final = object()
_INSTANCE_BYTES: Final = 16


class MemoryState:
    """The tables, as dictionaries by key; also the port `State`."""

    def __init__(self) -> None:
        self._feeds: dict[int, PutFeed] = {}
        self._feed_ids: dict[bytes, int] = {}
        self._blocks: dict[int, dict[int, PutBlock]] = {}
        self._objects: dict[int, PutObject] = {}
        self._object_ids: dict[bytes, int] = {}
        self._items: dict[int, dict[bytes, PutItem]] = {}
        self._texts: dict[int, dict[tuple[bytes, int], bytes]] = {}
        self._touched: dict[int, dict[int, None]] = {}
        self._touched_by: dict[int, dict[int, None]] = {}
        self._held: dict[bytes, dict[tuple[int, bytes], PutHeld]] = {}
        self._credentials: dict[bytes, PutCredential] = {}
        self._keys: dict[bytes, PutKey] = {}
        self._types: dict[int, PutType] = {}
        self._chunks: dict[bytes, PutChunk] = {}
        self._about: dict[str, bytes] = {}
        self._last: dict[str, int] = {"object": 0}
        self._journal: list[tuple[dict[Any, Any], Any, Any]] = []
        self._write: dict[type, Callable[[Any], None]] = {
            PutFeed: self._put_feed,
            PutBlock: self._put_block,
            PutObject: self._put_object,
            PutItem: lambda r: self._set(self._items.setdefault(r.obj, {}), r.path, r),
            DropItem: lambda r: self._drop(self._items.get(r.obj, {}), r.path),
            PutText: lambda r: self._set(self._texts.setdefault(r.obj, {}), (r.path, r.n), r.data),
            DropTexts: self._drop_texts,
            DropObject: self._drop_object,
            PutTouched: self._put_touched,
            PutHeld: lambda r: self._set(self._held.setdefault(r.feed, {}), (r.seq, r.id), r),
            DropHeld: lambda r: self._drop(self._held.get(r.feed, {}), (r.seq, r.id)),
            PutCredential: lambda r: self._set(self._credentials, r.id, r),
            PutKey: lambda r: self._set(self._keys, r.gen, r),
            PutType: lambda r: self._set(self._types, r.n, r),
            PutChunk: lambda r: self._set(self._chunks, r.hash, r),
            PutAbout: lambda r: self._set(self._about, r.key, r.value),
            DropBlock: self._drop_block,
            MoveBlocks: self._move_blocks,
        }

    # ------------------------------------------------------------ writing

    def write(self, rows: Iterable[Row]) -> None:
        """Carry the rows out in their order, all or none (B5)."""
        try:
            for row in rows:
                self._write[type(row)](row)
        except BaseException:
            for table, key, before in reversed(self._journal):
                if before is _ABSENT:
                    table.pop(key, None)
                else:
                    table[key] = before
            raise
        finally:
            self._journal.clear()

    def _set(self, table: dict[K, V], key: K, value: V) -> None:
        self._journal.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def _drop(self, table: dict[K, V], key: K) -> None:
        if key in table:
            self._journal.append((table, key, table.pop(key)))

    def _put_feed(self, row: PutFeed) -> None:
        self._set(self._feeds, row.n, row)
        self._set(self._feed_ids, row.id, row.n)

    def _put_block(self, row: PutBlock) -> None:
        self._set(self._blocks.setdefault(row.n, {}), row.seq, row)

    def _put_object(self, row: PutObject) -> None:
        self._set(self._objects, row.n, row)
        self._set(self._object_ids, row.id, row.n)
        if row.n > self._last["object"]:
            self._set(self._last, "object", row.n)

    def _drop_object(self, row: DropObject) -> None:
        found = self._objects.get(row.n)
        if found is not None:
            self._drop(self._object_ids, found.id)
        self._drop(self._objects, row.n)
        self._drop(self._items, row.n)
        self._drop(self._texts, row.n)

    def _drop_texts(self, row: DropTexts) -> None:
        table = self._texts.get(row.obj, {})
        for key in [key for key in table if key[0] == row.path]:
            self._drop(table, key)

    def _put_touched(self, row: PutTouched) -> None:
        self._set(self._touched.setdefault(row.obj, {}), row.block, None)
        self._set(self._touched_by.setdefault(row.block, {}), row.obj, None)

    def _untouch(self, block: int) -> list[int]:
        objects = list(self._touched_by.get(block, ()))
        for obj in objects:
            self._drop(self._touched[obj], block)
        self._drop(self._touched_by, block)
        return objects

    def _drop_block(self, row: DropBlock) -> None:
        self._drop(self._blocks.get(row.n, {}), row.seq)
        self._untouch(row.n << SEQ_BITS | row.seq)

    def _move_blocks(self, row: MoveBlocks) -> None:
        for seq in sorted(self._blocks.get(row.from_n, {})):
            if seq >= row.first:
                self._put_block(self._blocks[row.from_n][seq]._replace(n=row.to_n))
                self._drop(self._blocks[row.from_n], seq)
        first, end = row.from_n << SEQ_BITS | row.first, (row.from_n + 1) << SEQ_BITS
        shift = (row.to_n - row.from_n) << SEQ_BITS
        for block in [block for block in self._touched_by if first <= block < end]:
            for obj in self._untouch(block):
                self._put_touched(PutTouched(obj, block + shift))

    # ------------------------------------------------------------ reading

    def feed(self, key: bytes | int) -> PutFeed | None:
        """The feed or branch of this id or local number."""
        number = key if isinstance(key, int) else self._feed_ids.get(key, 0)
        return self._feeds.get(number)

    def feeds(self) -> Iterable[PutFeed]:
        """All feeds and branches, in order of their numbers."""
        return [self._feeds[n] for n in sorted(self._feeds)]

    def block(self, n: int, seq: int) -> PutBlock | None:
        """A stored block that lies under this very number."""
        return self._blocks.get(n, {}).get(seq)

    def blocks(self, n: int, first: int, end: int) -> Sequence[PutBlock]:
        """Stored blocks with `first <= seq < end` under this number, in order."""
        table = self._blocks.get(n, {})
        if end - first > len(table):
            return [table[seq] for seq in sorted(table) if first <= seq < end]
        return [table[seq] for seq in range(first, end) if seq in table]

    def id_at(self, n: int, seq: int) -> bytes | None:
        """The id of block `seq` that lies under `n`."""
        after = self.block(n, seq + 1)
        if after is not None:
            return prev_of(after.clear)
        feed = self._feeds.get(n)
        return feed.head if feed is not None and feed.length == seq + 1 else None

    def object(self, key: bytes | int) -> PutObject | None:
        """The object of this id or local number."""
        number = key if isinstance(key, int) else self._object_ids.get(key, 0)
        return self._objects.get(number)

    def objects(self) -> Iterable[PutObject]:
        """All objects, in order of their numbers."""
        return [self._objects[n] for n in sorted(self._objects)]

    def last_object(self) -> int:
        """The greatest local number of an object that was ever given out; 0 if none."""
        return self._last["object"]

    def item(self, obj: int, path: bytes) -> PutItem | None:
        """A child of a big container (B2)."""
        return self._items.get(obj, {}).get(path)

    def items(self, obj: int, parent: bytes) -> Iterable[PutItem]:
        """All children of a big container, ordered by path."""
        found = [row for row in self._items.get(obj, {}).values() if row.parent == parent]
        return sorted(found, key=lambda row: row.path)

    def texts(self, obj: int, path: bytes) -> Sequence[bytes]:
        """A text's updates, ordered by number."""
        table = self._texts.get(obj, {})
        return [table[key] for key in sorted(key for key in table if key[0] == path)]

    def touched(self, obj: int) -> Sequence[int]:
        """Keys of the blocks that wrote to an object, ascending."""
        return sorted(self._touched.get(obj, ()))

    def objects_touched_by(self, blocks: Iterable[int]) -> Sequence[int]:
        """Local numbers of the objects that these blocks (keys) wrote to, each once."""
        return sorted({obj for block in blocks for obj in self._touched_by.get(block, ())})

    def held(self, feed: bytes) -> Sequence[PutHeld]:
        """Held blocks under a header's feed id, by seq, then id."""
        table = self._held.get(feed, {})
        return [table[key] for key in sorted(table)]

    def held_feeds(self) -> Iterable[bytes]:
        """Feed ids that have held blocks, each once."""
        return sorted(feed for feed, table in self._held.items() if table)

    def key(self, generation: bytes) -> PutKey | None:
        """The keys of a generation."""
        return self._keys.get(generation)

    def keys(self) -> Iterable[PutKey]:
        """All keys here."""
        return [self._keys[generation] for generation in sorted(self._keys)]

    def credentials(self) -> Iterable[PutCredential]:
        """All credentials, in order of depth, then id."""
        return sorted(self._credentials.values(), key=lambda row: (row.depth, row.id))

    def types(self) -> Iterable[PutType]:
        """All types, in order of their numbers."""
        return [self._types[n] for n in sorted(self._types)]

    def about(self, key: str) -> bytes | None:
        """A fact about the space's file."""
        return self._about.get(key)


class MemoryStore:
    """One space in memory."""

    def __init__(self) -> None:
        self._state = MemoryState()

    @property
    def is_doubtful(self) -> bool:
        """Never: see F2 above."""
        return False

    def state(self) -> State:
        """Return a view of what is stored."""
        return self._state

    def commit(self, rows: Sequence[Row]) -> None:
        """Write all rows, or none."""
        self._state.write(rows)

    def sync(self) -> None:
        """Nothing to do: a power cut takes memory whole."""

    def query(self, plan: "Plan") -> list[PutObject]:
        """Return the objects that pass a plan's second form, in its order."""
        found: list[tuple[Any, PutObject]] = []
        for row, doc in self._passing(plan):
            found.append((plan.key(doc, row.created, row.id), row))
        found.sort(key=lambda pair: pair[0])
        rows = [row for _, row in found]
        if not plan.is_exact:
            return rows
        end = None if plan.limit is None else plan.offset + plan.limit
        return rows[plan.offset : end]

    def count(self, plan: "Plan") -> int:
        """How many pass, whatever limit and offset."""
        return sum(1 for _ in self._passing(plan))

    def _passing(self, plan: "Plan") -> "Iterator[tuple[PutObject, Mapping[str, Json]]]":
        names = {row.n: row.name for row in self._state.types()}
        for row in self._state.objects():
            if bool(row.live) is plan.is_live and names.get(row.type) == plan.type_name:
                doc = json.loads(row.doc)
                if plan.matches(doc, self._look_up):
                    yield row, doc

    def _look_up(self, text: str) -> "tuple[str, Mapping[str, Json]] | None":
        row = self._state.object(from_text(text))
        if row is None or not row.live:
            return None
        names = {row.n: row.name for row in self._state.types()}
        return names.get(row.type, ""), json.loads(row.doc)

    def blocks(self, feed: int, first: int, end: int) -> list[WireBlock]:
        """Return the blocks `[first, end)` of a feed or branch, byte for byte as sent (B7)."""
        return blocks_as_sent(self._state, feed, first, end)

    def sizes(self) -> Mapping[str, int]:
        """Nothing is on a disk."""
        return {}

    def close(self, *, clean: bool) -> None:
        """Nothing to do; what is stored goes with the last reference."""


class MemoryFolder:
    """A vault without a folder: `":memory:"`.

    Args:
        entropy: Random bytes.
    """

    protection: Final = "memory"
    is_protected: Final = True

    def __init__(self, entropy: Entropy) -> None:
        self._opening = Opening(entropy(_INSTANCE_BYTES), 1, is_doubtful=False)
        self._entries: dict[str, bytes] = {}
        self._stores: dict[str, MemoryStore] = {}
        self._made = 0

    @property
    def opening(self) -> Opening:
        """The first one, always."""
        return self._opening

    def read(self, prefix: str) -> dict[str, bytes]:
        """Return the entries whose key starts so."""
        return {key: self._entries[key] for key in sorted(self._entries) if key.startswith(prefix)}

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write entries; None deletes."""
        for key, value in changes.items():
            if value is None:
                self._entries.pop(key, None)
            else:
                self._entries[key] = value

    def space_files(self) -> list[str]:
        """Names of the spaces."""
        return sorted(self._stores)

    def open_space(self, file: str | None) -> tuple[str, MemoryStore]:
        """Return a space's store; None makes a new one."""
        if file is None:
            self._made += 1
            file = f"{self._made}.db"
            self._stores[file] = MemoryStore()
        return file, self._stores[file]

    def delete_space(self, file: str) -> None:
        """Forget a space."""
        self._stores.pop(file, None)

    def close(self) -> None:
        """Nothing to do."""
