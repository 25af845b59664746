"""What should an object's cells be, said as plainly as possible?

A model for tests: it looks at all blocks at once and knows nothing of incremental merging.

    heads     W3  the writes of a cell that no other write of it happened after
              A7  of zero writes the greatest, and none if there is any other
    dropped   W7  a head older than the greatest write of a container above it
    visible   W6  a child is seen if its parent is, and the parent's winner is a container
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple, TypeAlias

from kithspace.core.stamp import Stamp
from kithspace.core.write import Write

Path: TypeAlias = tuple[object, ...]
Told: TypeAlias = dict[tuple[str, ...], list[tuple[Stamp, object]]]


class Block(NamedTuple):
    """One block to one object."""

    who: int
    seq: int
    stamp: Stamp
    saw: Mapping[int, int]
    writes: tuple[Write, ...]

    def is_before(self, other: "Block") -> bool:
        """Whether the other's author had seen this one."""
        return other.saw.get(self.who, 0) >= self.seq


def causal_order(blocks: Sequence[Block], random: Random) -> Iterator[Block]:
    """Yield the blocks in any order that puts none before what its author had seen."""
    left = list(blocks)
    have: dict[int, int] = {}
    while left:
        ready = [
            block
            for block in left
            if have.get(block.who, 0) + 1 == block.seq
            and all(have.get(who, 0) >= seq for who, seq in block.saw.items())
        ]
        block = random.choice(ready)
        left.remove(block)
        have[block.who] = block.seq
        yield block


def unfolded(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    """Yield the cells that one write sets: its own, and those of the container's children."""
    if not isinstance(value, tuple) or value[0] not in (16, 17, 24):
        yield path, value
        return
    yield path, (24, value[1], ()) if value[0] == 24 else (value[0], ())
    if value[0] == 17:
        for element in value[1]:
            yield (*path, element), True
        return
    for key, child in zip(value[-1][::2], value[-1][1::2], strict=True):
        yield from unfolded((*path, key), child)


def name(path: Path) -> tuple[str, ...]:
    """A path by the look of its segments: 1, True and 1.0 are three (W1)."""
    return tuple(map(repr, path))


def model_cells(blocks: Sequence[Block]) -> Told:
    """The heads of every cell, the greatest first."""
    writes: dict[tuple[str, ...], list[tuple[Block, Stamp, object]]] = {}
    for block in blocks:
        for write in block.writes:
            stamp = Stamp(0, block.stamp.feed) if write.zero else block.stamp
            for path, value in unfolded(write.path, write.value):
                writes.setdefault(name(path), []).append((block, stamp, value))
    greatest = {path: max(stamp for _, stamp, _ in told) for path, told in writes.items()}
    cells: Told = {}
    for path, told in writes.items():
        above = [greatest[path[:end]] for end in range(1, len(path)) if path[:end] in greatest]
        floor = max((stamp for stamp in above if stamp.time), default=Stamp(0, b""))
        heads = [(stamp, value) for stamp, value in _heads(told) if stamp >= floor]
        if heads:
            cells[path] = sorted(heads, key=lambda head: head[0], reverse=True)
    return cells


def _heads(
    told: list[tuple[Block, Stamp, object]],
) -> Iterator[tuple[Stamp, object]]:
    real = [one for one in told if one[1].time]
    if not real:
        block, stamp, value = max(told, key=lambda one: (one[1], one[0].seq))
        yield stamp, value
    for block, stamp, value in real:
        if not any(block is not other and block.is_before(other) for other, _, _ in real):
            yield stamp, value


def model_view(cells: Told) -> dict[tuple[str, ...], object]:
    """What is seen of each cell below the root."""
    return {
        path: told[0][1]
        for path, told in cells.items()
        if path and told[0][1] != (0,) and _shows(cells, path[:-1], told[0][1])
    }


def _shows(cells: Told, path: tuple[str, ...], child: object) -> bool:
    """Whether the container at a path is seen and shows a child of this value."""
    if not path:
        return True
    if path not in cells:
        # A container that is declared has no cell; in a set, it is no element.
        return _shows(cells, path[:-1], ())
    value = cells[path][0][1]
    fits = value == (16, ()) or (value == (17, ()) and child is True)
    return fits and _shows(cells, path[:-1], value)
