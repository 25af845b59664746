"""Replicas of one object that write apart and exchange blocks, for tests."""

from collections.abc import Iterable, Sequence
from random import Random

from kithspace.core.cell import STANDARD, Cell, Layout
from kithspace.core.document import Document
from kithspace.core.edit import Edit
from kithspace.core.effects import (
    DropItem,
    DropTexts,
    PutItem,
    PutObject,
    PutText,
    Row,
)
from kithspace.core.ids import ObjectId
from kithspace.core.path import segment_of
from kithspace.core.stamp import Stamp
from kithspace.core.write import Write, make_write
from tests.models.cells_model import Block, Told, causal_order

OBJECT = ObjectId(b"o" * 16)


def feed_of(who: int) -> bytes:
    """The feed of a replica; not in the order of their numbers."""
    return bytes((who * 37 % 251,)) * 32


class Replica:
    """One device's copy of the object."""

    def __init__(self, who: int, layout: Layout = STANDARD) -> None:
        self.who = who
        self.feed = feed_of(who)
        self.document = Document.empty(OBJECT, 1, layout=layout)
        self.saw: dict[int, int] = {}
        self.blocks: list[Block] = []
        self.clock = 0

    def write(self, edits: Iterable[Edit], *, zero: bool = False) -> Block:
        """Write one block, naming what is there (W3)."""
        self.clock += 1 << 16
        return self.commit(
            [
                make_write(
                    path,
                    value,
                    () if zero else self.document.replaced(make_write(path, value).key, value),
                    zero=zero,
                )
                for path, value in edits
            ]
        )

    def commit(self, writes: Sequence[Write]) -> Block:
        """Write one block as it is."""
        stamp = Stamp(self.clock, self.feed)
        block = Block(self.who, self.saw.get(self.who, 0) + 1, stamp, dict(self.saw), tuple(writes))
        self.apply(block)
        return block

    def apply(self, block: Block) -> None:
        """Take in a block whose past is here."""
        self.document = self.document.merge(block.writes, block.stamp)
        self.saw[block.who] = block.seq
        self.blocks.append(block)
        self.clock = max(self.clock, block.stamp.time)

    def pull(self, other: "Replica", limit: int | None = None) -> None:
        """Take in what the other has, or the first few of it."""
        for block in list(other.blocks):
            if limit is not None and limit <= 0:
                return
            if self.saw.get(block.who, 0) < block.seq:
                self.apply(block)
                limit = None if limit is None else limit - 1


def rebuilt(
    blocks: Sequence[Block], random: Random | None = None, layout: Layout = STANDARD
) -> Document:
    """The object from its blocks, in some causal order."""
    document = Document.empty(OBJECT, 1, layout=layout)
    for block in causal_order(blocks, random) if random is not None else blocks:
        document = document.merge(block.writes, block.stamp)
    return document


def all_blocks(replicas: Iterable[Replica]) -> list[Block]:
    """The blocks of all replicas, each once."""
    known = {(block.who, block.seq): block for one in replicas for block in one.blocks}
    return list(known.values())


def cells_of(document: Document) -> Told:
    """The heads of every cell of an object, in the model's words."""
    told: Told = {}

    def walk(path: tuple[str, ...], cell: Cell) -> None:
        if cell.heads:
            told[path] = [(head.stamp, head.value) for head in cell.heads]
        for segment, kid in cell.kids.items():
            walk((*path, repr(segment_of(segment))), kid)

    walk((), document.root)
    return told


class Numbers:
    """Local numbers of feeds and types."""

    def __init__(self) -> None:
        self.feeds: list[tuple[bytes, bytes]] = [(b"", b"")]
        self.types: list[str] = [""]

    def number(self, feed: bytes, branch: bytes) -> int:
        if (feed, branch) not in self.feeds:
            self.feeds.append((feed, branch))
        return self.feeds.index((feed, branch))

    def stamp(self, time: int, n: int) -> Stamp:
        return Stamp(time, *self.feeds[n])

    def type_number(self, name: str) -> int:
        if name not in self.types:
            self.types.append(name)
        return self.types.index(name)

    def type_name(self, n: int) -> str:
        return self.types[n]


class Shelf:
    """Rows of one object, as a store keeps them."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.row: PutObject | None = None
        self.item_rows: dict[bytes, PutItem] = {}
        self.text_rows: dict[tuple[bytes, int], bytes] = {}

    def put(self, rows: Iterable[Row]) -> None:
        """Carry out rows in their order."""
        for row in rows:
            match row:
                case PutObject():
                    self.row = row
                case PutItem(path=path):
                    self.item_rows[path] = row
                case DropItem(path=path):
                    self.item_rows.pop(path, None)
                case PutText(path=path, n=n, data=update):
                    self.text_rows[path, n] = update
                case DropTexts(path=path):
                    self.text_rows = {
                        key: update for key, update in self.text_rows.items() if key[0] != path
                    }
                case _:
                    raise AssertionError(row)

    def load(self, layout: Layout = STANDARD) -> Document:
        """Read the object."""
        assert self.row is not None
        return Document.load(self.row, self.numbers, self, layout)

    def item(self, obj: int, path: bytes) -> PutItem | None:
        return self.item_rows.get(path)

    def items(self, obj: int, parent: bytes) -> list[PutItem]:
        return [row for _, row in sorted(self.item_rows.items()) if row.parent == parent]

    def texts(self, obj: int, path: bytes) -> list[bytes]:
        return [update for key, update in sorted(self.text_rows.items()) if key[0] == path]
