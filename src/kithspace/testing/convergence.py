"""Are all replicas the same, is nothing lost, and is nothing there that should not be?

Rules: W4 (the same on every node, whatever came first), C1, C2 (what is beyond a cut counts
nowhere), F1 (what was acknowledged is there), C7 (the state is that of the counting blocks alone).
"""

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from kithspace.adapters.memory_store import MemoryStore
from kithspace.core.block import OpenRecord, read_open_record
from kithspace.core.cell import Cell, Heads
from kithspace.core.credential import Signed
from kithspace.core.cut import c1_length
from kithspace.core.document import Document
from kithspace.core.effects import Effects
from kithspace.core.ids import ObjectId
from kithspace.core.path import key_name
from kithspace.core.replica import Replica
from kithspace.core.stamp import Stamp
from kithspace.core.state import State, WireBlock
from kithspace.core.text import read_text
from kithspace.testing.simulated_node import SimulatedNode
from kithspace.testing.simulated_writes import Written

CHUNK = 20
"""Blocks handed over at once to the replica that is fed in another order."""
FAR_AHEAD_MS = 86_400_000

Print: TypeAlias = tuple[Any, ...]


class Picture(NamedTuple):
    """What a node knows, in a form that does not depend on local numbers."""

    credentials: frozenset[bytes]
    feeds: Mapping[bytes, tuple[int, bytes]]
    objects: Mapping[ObjectId, Print]


def picture_of(node: SimulatedNode, objects: Iterable[ObjectId]) -> Picture:
    """Take the picture of a node that is up."""
    engine = node.running.engine
    credentials = frozenset(one.id for one in engine.membership.credentials())
    documents = ((one, engine.document(one)) for one in objects)
    return Picture(
        credentials,
        _feeds(engine.state),
        {one: print_of(document) for one, document in documents if document is not None},
    )


def _feeds(state: State) -> dict[bytes, tuple[int, bytes]]:
    return {row.id: (row.length, row.head) for row in state.feeds() if row.length}


# ---------------------------------------------------------------- one object


def print_of(document: Document) -> Print:
    """All that is seen and stored of an object: its cells, whatever way they came."""
    if document.is_purged:
        return ("purged",)
    return (
        document.type,
        document.live,
        document.created,
        tuple(_cells(document, document.root, ())),
        tuple(sorted((name, repr(value)) for name, value in document.doc.items())),
    )


def _cells(document: Document, cell: Cell, path: tuple[bytes, ...]) -> Iterator[Print]:
    yield path, _heads(cell.heads), _extra(document, cell, path)
    for segment, kid in sorted(cell.kids.items(), key=lambda pair: pair[0]):
        yield from _cells(document, kid, (*path, segment))


def _heads(heads: Heads) -> Print:
    return tuple((head.stamp, repr(head.value), head.origin) for head in heads)


def _extra(document: Document, cell: Cell, path: tuple[bytes, ...]) -> Print:
    extra = cell.extra
    if extra is None:
        return ()
    sums = sorted((feed, head.stamp, repr(head.value)) for feed, head in extra.sums.items())
    shown = ""
    if extra.text is not None and len(path) == 1:
        shown = read_text(document.text(key_name(path[0])))
    return _heads(extra.base), tuple(sums), shown


# ---------------------------------------------------------------- what must hold


def check_same(pictures: Mapping[str, Picture]) -> None:
    """All pictures are the same.

    Raises:
        AssertionError: Two differ; it says who, and in what.
    """
    (first, expected), *others = pictures.items()
    for name, found in others:
        if found != expected:
            raise AssertionError(f"{first} and {name} differ: {_difference(expected, found)}")


def _difference(one: Picture, other: Picture) -> str:
    if one.credentials != other.credentials:
        return f"{len(one.credentials ^ other.credentials)} credentials"
    for feed in sorted({*one.feeds, *other.feeds}):
        if one.feeds.get(feed) != other.feeds.get(feed):
            lengths = [of.feeds.get(feed, (0,))[0] for of in (one, other)]
            return f"feed {feed.hex()[:8]} has lengths {lengths}"
    for object_id in sorted({*one.objects, *other.objects}):
        left, right = one.objects.get(object_id), other.objects.get(object_id)
        if left != right:
            return f"object {object_id.hex()[:8]}: {_first_difference(left, right)}"
    return "nothing that can be named"


def _first_difference(left: object, right: object) -> str:
    if isinstance(left, tuple) and isinstance(right, tuple):
        for one, other in zip(left, right, strict=False):
            if one != other:
                return _first_difference(one, other)
        return f"{len(left)} and {len(right)} parts: {left[len(right) :]} {right[len(left) :]}"
    return f"{left!r} and {right!r}"


def check_other_order(
    node: SimulatedNode, objects: Collection[ObjectId], chance: random.Random
) -> None:
    """A replica fed all that a node has, in another order, comes to the same state.

    Raises:
        AssertionError: It does not.
    """
    expected = picture_of(node, objects)
    other = _Fed(node)
    other.feed(chance)
    documents = {one: _load(other.replica, other.store, one) for one in objects}
    found = Picture(
        frozenset(one.id for one in other.replica.membership.credentials()),
        _feeds(other.store.state()),
        {one: print_of(document) for one, document in documents.items() if document is not None},
    )
    check_same({node.name: expected, f"{node.name} in another order": found})


class _Fed:
    """A replica that gets all that a node has, in an order of chance."""

    def __init__(self, node: SimulatedNode) -> None:
        engine = node.running.engine
        genesis, *rest = [Signed(one.raw, one.sig) for one in engine.membership.credentials()]
        self.store = MemoryStore()
        self.replica, effects = Replica.found(genesis, node.author)
        self._take(effects)
        self._now_ms = node.clock.now_ms() + FAR_AHEAD_MS
        self._credentials = rest
        self._blocks = list(_stored_blocks(node))
        stored = engine.state.keys()
        self._keys = {row.gen: row for row in stored}

    def feed(self, chance: random.Random) -> None:
        """Feed it all; what the gate dropped, as not to be judged yet, again."""
        steps: list[Signed | list[WireBlock]] = [*self._credentials, *self._blocks]
        chance.shuffle(steps)
        for step in steps:
            if isinstance(step, Signed):
                self._take(self.replica.admit([step], self.store.state(), self._now_ms))
                self._give_keys()
            else:
                self._give_blocks(step)
        for _ in range(len(self._blocks)):
            before = _feeds(self.store.state())
            for blocks in self._blocks:
                self._give_blocks(blocks)
            if _feeds(self.store.state()) == before:
                return

    def _take(self, effects: Effects) -> None:
        self.store.commit(effects.persist)
        self.replica.adopt(effects.after)

    def _give_blocks(self, blocks: list[WireBlock]) -> None:
        verified = self.replica.verify(blocks, self.store.state(), self._now_ms)
        self._take(self.replica.apply(verified.blocks, self.store.state(), self._now_ms))

    def _give_keys(self) -> None:
        for generation in self.replica.membership.generations:
            row = self._keys.pop(generation.id, None)
            if row is not None:
                keys = generation.id, row.content, row.access
                self._take(self.replica.give_key(*keys, self.store.state(), self._now_ms))


def _load(replica: Replica, store: MemoryStore, object_id: ObjectId) -> Document | None:
    row = store.state().object(object_id)
    return None if row is None else Document.load(row, replica.numbers, store.state())


def _stored_blocks(node: SimulatedNode) -> Iterator[list[WireBlock]]:
    """All blocks of a node, stored and held, in runs that end at a signature."""
    engine = node.running.engine
    held_of = {feed: engine.state.held(feed) for feed in engine.state.held_feeds()}
    for row in engine.state.feeds():
        blocks = list(engine.store.blocks(row.n, 0, row.length))
        if not blocks and row.opening:
            blocks = [(row.opening, None, row.opening_sig)]
        blocks += [(one.record, one.body or None, one.sig) for one in held_of.get(row.id, ())]
        run: list[WireBlock] = []
        for block in blocks:
            run.append(block)
            if block[2] is not None and len(run) >= CHUNK:
                yield run
                run = []
        if run:
            yield run


def check_written(
    nodes: Collection[SimulatedNode], written: Iterable[Written], objects: Collection[ObjectId]
) -> None:
    """What was acknowledged is everywhere, unless a cut leaves it out: then it is nowhere.

    Raises:
        AssertionError: Something is lost, or shown although it does not count.
    """
    shown = {node.name: set(_stamps(node, objects)) for node in nodes}
    for one in written:
        root = _root(nodes, one)
        for node in nodes:
            limit = None if root is None else _limit(node, root)
            if limit is not None and one.seq > limit:
                if one.stamp in shown[node.name] or _has(node, one):
                    raise AssertionError(f"{node.name} shows {_called(one)}, which a cut left out")
            elif not one.is_excused and not _has(node, one):
                raise AssertionError(f"{node.name} lacks {_called(one)}, which was acknowledged")


def _called(one: Written) -> str:
    return f"block {one.seq} of {one.node.name}"


def _stamps(node: SimulatedNode, objects: Iterable[ObjectId]) -> Iterator[Stamp]:
    """The stamps of all heads of all objects."""
    for object_id in objects:
        document = node.running.engine.document(object_id)
        if document is not None:
            for _, heads, *_ in _cells(document, document.root, ()):
                yield from (head[0] for head in heads)


def _has(node: SimulatedNode, one: Written) -> bool:
    state = node.running.engine.state
    row = state.feed(one.stamp.feed)
    if row is None:
        return False
    branches = (branch for branch in state.feeds() if branch.branch_of is not None)
    return any(feed.length > one.seq for feed in (row, *branches))


def _root(nodes: Iterable[SimulatedNode], one: Written) -> OpenRecord | None:
    """The open record of the feed that something was written to, from whoever has it."""
    for node in (one.node, *nodes):
        row = node.running.engine.state.feed(one.stamp.feed)
        if row is not None and row.opening:
            return read_open_record(row.opening, row.opening_sig)
    return None


def _limit(node: SimulatedNode, root: OpenRecord) -> int | None:
    """C1: the greatest number of a feed that counts; None: no limit, or a feed that split (V12)."""
    engine = node.running.engine
    row = engine.state.feed(root.id)
    if row is not None and any(branch.branch_of == row.n for branch in engine.state.feeds()):
        return None
    cuts = engine.membership.cuts(root)
    return c1_length(cuts, lambda head: head.seq if head.feed == root.id else 0)
