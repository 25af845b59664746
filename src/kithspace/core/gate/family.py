"""How do a feed's blocks lie, when some do not count or its history has split?

Everything known under one feed id is a tree of blocks: stored, held and new ones. What counts of it
is laid out again: one chain from the open record, and a branch for every block that has a sibling.
The layout depends on the counting blocks alone, so every node comes to the same branch ids,
whatever came first.

Rules:
    C1-C3, V13  What does not count is held; what counts again is stored.
    C7          Objects that were written by blocks whose place changes are rebuilt.
    V12         A feed ends below its fork; each side goes on as a branch.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from kithspace.core.block import branch_id, read_header
from kithspace.core.credential import Head
from kithspace.core.cut import Cuts, c1_length
from kithspace.core.effects import SEQ_BITS, DropBlock, DropHeld, MoveBlocks, PutBlock, PutHeld
from kithspace.core.envelope import read_clear, wire_of
from kithspace.core.gate.ledger import Ledger
from kithspace.core.gate.pieces import Chain, Entry
from kithspace.core.ids import BlockId
from kithspace.core.state import prev_of
from kithspace.core.verify import VerifiedBlock


@dataclass(slots=True)
class Node:
    """A block of the feed, wherever it is. `key` is its place in the store; 0: not stored."""

    id: bytes
    seq: int
    prev: bytes
    time: int
    sig: bytes | None
    source: PutBlock | PutHeld | VerifiedBlock
    key: int = 0
    was_applied: bool = False


class Layout(NamedTuple):
    """A feed or branch as it has to be: the index of its parent, -1 for the feed; its blocks."""

    parent: int
    nodes: list[Node]


@dataclass(slots=True)
class Family:
    """A feed with everything known of it."""

    ledger: Ledger
    root: int
    nodes: dict[bytes, Node] = field(default_factory=dict)
    kids: dict[bytes, list[Node]] = field(default_factory=dict)

    @classmethod
    def load(cls, ledger: Ledger, root: int, new: Iterable[VerifiedBlock] = ()) -> "Family":
        """Gather the stored, the held and the new blocks of a feed."""
        family = cls(ledger, root)
        for n in ledger.family(root):
            family._load_stored(ledger.chain(n))
        for row in ledger.held(ledger.chain(root).id).values():
            header = read_header(row.record)
            family._add(Node(row.id, row.seq, header.prev, header.time, row.sig, row))
        for block in new:
            header = block.header
            sig = block.sig if block.checked else None
            family._add(Node(block.id, header.seq, header.prev, header.time, sig, block))
        return family

    def settle(self, cuts: Cuts) -> list[int]:
        """Lay the feed out; return the numbers of its chains, parents first."""
        counting = self._counting(cuts)
        self._hold([node for node in self.nodes.values() if node.id not in counting])
        layouts = self._layouts(counting)
        numbers = self._numbers(layouts)
        starts = cuts.is_open or bool(counting)
        for index, layout in enumerate(layouts):
            self._write_chain(numbers[index], layout, is_started=starts)
        self._move(layouts, numbers)
        for index, layout in enumerate(layouts):
            for node in layout.nodes:
                self._store(numbers[index], node)
        return numbers

    # ------------------------------------------------------------ what there is

    def _load_stored(self, chain: Chain) -> None:
        blocks = self.ledger.state.blocks(chain.n, max(1, self.ledger.first(chain.n)), chain.length)
        for index, block in enumerate(blocks):
            is_last = index == len(blocks) - 1
            block_id = chain.head if is_last else prev_of(blocks[index + 1].clear)
            clear = read_clear(block.clear)
            key = chain.n << SEQ_BITS | block.seq
            was_applied = block.seq < chain.applied
            self._add(
                Node(
                    block_id, block.seq, clear.prev, clear.time, block.sig, block, key, was_applied
                )
            )

    def _add(self, node: Node) -> None:
        if node.id not in self.nodes:
            self.nodes[node.id] = node
            self.kids.setdefault(node.prev, []).append(node)

    # ------------------------------------------------------------ what counts

    def _counting(self, cuts: Cuts) -> set[bytes]:
        """V13: the ids of the blocks that count, judged for every history down from its end."""
        if cuts.is_open:
            return set(self.nodes)
        counting: set[bytes] = set()
        for leaf in self.nodes.values():
            if leaf.id not in self.kids:
                path = self._path(leaf)
                limit = c1_length(cuts, _Reach(self, path).reach)
                counting |= {i for i, seq in path.items() if limit is None or seq <= limit}
        return counting

    def _path(self, node: Node | None) -> dict[bytes, int]:
        path: dict[bytes, int] = {}
        while node is not None:
            path[node.id] = node.seq
            node = self.nodes.get(node.prev)
        return path

    def _hold(self, nodes: Sequence[Node]) -> None:
        """C5: keep apart what does not count."""
        feed = self.ledger.feed_id(self.root)
        held = self.ledger.held(feed)
        for node in nodes:
            row = self._held_row(feed, node)
            if row is None:
                continue
            held[row.id] = row
            self.ledger.rows.append(row)
            if isinstance(node.source, PutBlock):
                self.ledger.rows.append(DropBlock(node.source.n, node.seq))
                self.ledger.dropped.add(node.key)
                self._free_tips(node.source)
        self._dirty(node.key for node in nodes if node.key)

    def _held_row(self, feed: bytes, node: Node) -> PutHeld | None:
        match node.source:
            case VerifiedBlock(record=record, payload=payload):
                return PutHeld(feed, node.seq, node.id, record, payload, node.sig)
            case PutBlock() as block:
                record, payload = self.wire(block)
                return PutHeld(feed, node.seq, node.id, record, payload, node.sig)
            case PutHeld():
                return None

    def wire(self, block: PutBlock) -> tuple[bytes, bytes]:
        """Header and payload of a stored block, as they came."""
        feed = self.ledger.feed_id(self.root)
        return wire_of(block, feed, self.ledger.key(read_clear(block.clear).gen, feed))

    def _free_tips(self, block: PutBlock) -> None:
        """What only this block built on is a head again."""
        for dep in read_clear(block.clear).deps:
            n = self.ledger.find(*dep)
            if n is not None and self.ledger.chain(n).applied == dep.seq + 1:
                self.ledger.chain(n).tip = 1

    def _dirty(self, keys: Iterable[int]) -> None:
        self.ledger.dirty.update(self.ledger.state.objects_touched_by(keys))

    # ------------------------------------------------------------ where it lies

    def _layouts(self, counting: set[bytes]) -> list[Layout]:
        layouts = [Layout(-1, [])]
        todo = [(0, bytes(self.ledger.feed_id(self.root)))]
        while todo:
            index, tip = todo.pop()
            kids = self._counting_kids(tip, counting)
            while len(kids) == 1:
                layouts[index].nodes.append(kids[0])
                kids = self._counting_kids(kids[0].id, counting)
            for kid in kids:
                todo.append((len(layouts), kid.id))
                layouts.append(Layout(index, [kid]))
        return layouts

    def _counting_kids(self, tip: bytes, counting: set[bytes]) -> list[Node]:
        kids = [node for node in self.kids.get(tip, ()) if node.id in counting]
        return sorted(kids, key=lambda node: node.id)

    def _numbers(self, layouts: Sequence[Layout]) -> list[int]:
        """Give every chain a number, the one it had, if it can be told; write ids and parents."""
        numbers: list[int] = []
        free = set(self.ledger.family(self.root)) - {self.root}
        for layout in layouts:
            if layout.parent < 0:
                numbers.append(self.root)
                continue
            parent = self.ledger.chain(numbers[layout.parent])
            chain_id = branch_id(parent.id, layout.nodes[0].id)
            n = self.ledger.find_number(chain_id) or layout.nodes[-1].key >> SEQ_BITS
            if n in free:
                chain = self.ledger.chain(n)
                chain.id, chain.branch_of = chain_id, parent.n
                self.ledger.numbers[chain_id] = n
            else:
                chain = self.ledger.add_chain(chain_id, parent.n, chain_id, 0)
            free.discard(chain.n)
            numbers.append(chain.n)
        for n in free:
            self._empty(self.ledger.chain(n))
        if len(numbers) + len(free) > 1:
            self.ledger.families[self.root] = (*numbers, *sorted(free))
        return numbers

    def _empty(self, chain: Chain) -> None:
        """A branch of which nothing counts any more."""
        chain.length = chain.applied = chain.signed = chain.released = chain.tip = 0
        self.ledger.lagging.pop(chain.n, None)

    def _write_chain(self, n: int, layout: Layout, *, is_started: bool) -> None:
        chain = self.ledger.chain(n)
        opening = self.ledger.opening(n)
        is_root = layout.parent < 0
        first = int(is_started) if is_root else layout.nodes[0].seq
        applied = first
        for node in layout.nodes:
            if not node.was_applied:
                break
            applied = node.seq + 1
        chain.length = layout.nodes[-1].seq + 1 if layout.nodes else first
        chain.head = layout.nodes[-1].id if layout.nodes else opening.id
        chain.last_time = layout.nodes[-1].time if layout.nodes else opening.time
        signed = (node.seq + 1 for node in layout.nodes if node.sig is not None)
        chain.signed = max(signed, default=first)
        # Of one's own feed, `released` is what was sent; of another's, all that was checked.
        is_own = n == self.ledger.known.own
        chain.released = min(chain.released, chain.length) if is_own else chain.signed
        chain.applied = applied
        chain.tip = int(applied > first and applied == chain.length)

    def _move(self, layouts: Sequence[Layout], numbers: Sequence[int]) -> None:
        """Move stored blocks to the numbers of their chains.

        Of the blocks under one number the lowest stay, since a chain keeps its number; so what
        moves is always the end of what lies there, if the highest go first.
        """
        moving = [
            (node.seq, node.source, n)
            for n, layout in zip(numbers, layouts, strict=True)
            for node in layout.nodes
            if isinstance(node.source, PutBlock) and node.source.n != n
        ]
        self._dirty(block.n << SEQ_BITS | seq for seq, block, _ in moving)
        for seq, block, n in sorted(moving, key=itemgetter(0), reverse=True):
            key = n << SEQ_BITS | seq
            self.ledger.moved[block.n << SEQ_BITS | seq] = key
            self.ledger.entries[key] = Entry(n, seq, read_clear(block.clear), block.body, None)
            self.ledger.rows.append(MoveBlocks(block.n, n, seq))

    def _store(self, n: int, node: Node) -> None:
        """Store a block that was held, or is new."""
        source = node.source
        if isinstance(source, PutBlock):
            return
        self.ledger.clock = max(self.ledger.clock, node.time)
        if isinstance(source, VerifiedBlock):
            self.ledger.put(n, source)
            return
        header = read_header(source.record)
        block = VerifiedBlock(
            header, source.record, BlockId(source.id), source.body, source.sig, bool(source.sig)
        )
        self.ledger.put(n, block)
        self.ledger.late.add(n << SEQ_BITS | node.seq)
        self.ledger.held(source.feed).pop(source.id, None)
        self.ledger.rows.append(DropHeld(source.feed, source.seq, source.id))


class _Reach:
    """How far the heads of a cut reach along one history (see `core/cut`)."""

    def __init__(self, family: Family, path: dict[bytes, int]) -> None:
        self._nodes = family.nodes
        self._path = path

    def reach(self, head: Head) -> int:
        """The greatest number of this history at or below a head; 0: it is not known."""
        node = self._nodes.get(head.id)
        if node is None or node.seq != head.seq:
            return 0
        while node is not None and node.id not in self._path:
            node = self._nodes.get(node.prev)
        return 0 if node is None else node.seq
