"""Which verified blocks can be stored now, and in which order?

All candidates are judged together: the new ones, and the waiting ones that these may wake. The
greatest set is stored in which every block has its predecessor, its deps, its time, and a checked
signature at or above it in its feed. Feeds depend on each other, so it is found by taking out what
fails, and then what leaned on that (amendments, F5).

Rules (security.md section 7, after `core/verify`):
    V7   The predecessor is known, one number below, on any branch; unknown: asked for, waits.
    V8   The stamp's time is greater than the predecessor's: E_STAMP.
    V10  Deps are stored or held, by id; else the block waits.
    V11  At most 5 minutes ahead of the clock; else it waits; over 24 hours ahead it is dropped.
    F5   What is stored of a feed ends at a checked signature.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from kithspace.core.block import Dep, read_header
from kithspace.core.effects import AskRange
from kithspace.core.gate.ledger import Ledger
from kithspace.core.ids import FeedId
from kithspace.core.stamp import COUNTER_BITS
from kithspace.core.verify import VerifiedBlock, is_proved
from kithspace.core.waiting import Wait

AHEAD_MS: Final = 5 * 60 * 1_000
DROPPED_MS: Final = 24 * 60 * 60 * 1_000


@dataclass(slots=True)
class Candidate:
    """A block that may be stored; `kids` counts the candidates that follow it in its feed."""

    block: VerifiedBlock
    kids: int = 0
    needs: set[bytes] = field(default_factory=set)
    due_ms: int = 0
    is_out: bool = False


@dataclass(slots=True)
class Selection:
    """Finds what can be stored of some blocks."""

    ledger: Ledger
    candidates: dict[bytes, Candidate] = field(default_factory=dict)
    dependents: dict[bytes, list[Candidate]] = field(default_factory=dict)
    dropped: set[bytes] = field(default_factory=set)

    def select(self, blocks: Iterable[VerifiedBlock]) -> list[VerifiedBlock]:
        """Return what can be stored, in causal order; the rest waits or is refused."""
        fresh = [block for block in blocks if not self._is_known(block)]
        for block in fresh:
            self.candidates[block.id] = Candidate(block)
        for block in self.ledger.known.room.woken_by([block.id for block in fresh]):
            self.candidates.setdefault(block.id, Candidate(block))
        for candidate in self.candidates.values():
            below = self.candidates.get(candidate.block.header.prev)
            if below is not None:
                below.kids += 1
        bad = [c for c in self.candidates.values() if not self._can_stay(c)]
        bad += [c for c in self.candidates.values() if not c.kids and not self._is_end(c)]
        self._take_out(bad)
        self._note_waits()
        return list(self._in_order())

    def _is_known(self, block: VerifiedBlock) -> bool:
        """V3, again: what was verified twice before it was applied is stored once."""
        header = block.header
        n = self.ledger.find(header.feed, header.seq, block.id)
        if n is None:
            return self.ledger.is_held(header.feed, block.id)
        if block.checked and self.ledger.chain(n).signed <= header.seq:
            self.ledger.sign(n, block)
        return True

    def _can_stay(self, candidate: Candidate) -> bool:
        """V7, V8, V10, V11 for one block."""
        header = candidate.block.header
        self._v11_due(candidate)
        time = self._v7_time_below(candidate)
        if time is not None and header.time <= time:
            self._drop(candidate, "V8", "E_STAMP")
        for dep in header.deps:
            self._v10_dep(candidate, dep)
        return not (candidate.needs or candidate.due_ms or candidate.block.id in self.dropped)

    def _v7_time_below(self, candidate: Candidate) -> int | None:
        """The time of the predecessor; None: it is not here, or the chain is broken."""
        header = candidate.block.header
        below = self.candidates.get(header.prev)
        if below is not None:
            self.dependents.setdefault(header.prev, []).append(candidate)
            if (below.block.header.feed, below.block.header.seq) == (header.feed, header.seq - 1):
                return below.block.header.time
            self._drop(candidate, "V7", "E_CHAIN")
            return None
        time = stored_time(self.ledger, header.feed, header.seq - 1, header.prev)
        if time is None:
            candidate.needs.add(header.prev)
        return time

    def _v10_dep(self, candidate: Candidate, dep: Dep) -> None:
        named = self.candidates.get(dep.id)
        if named is not None and (named.block.header.feed, named.block.header.seq) == dep[:2]:
            self.dependents.setdefault(dep.id, []).append(candidate)
        elif not is_here(self.ledger, dep):
            candidate.needs.add(dep.id)

    def _v11_due(self, candidate: Candidate) -> None:
        ms = candidate.block.header.time >> COUNTER_BITS
        if ms > self.ledger.now_ms + DROPPED_MS:
            self.dropped.add(candidate.block.id)
        elif ms > self.ledger.now_ms + AHEAD_MS:
            candidate.due_ms = ms - AHEAD_MS

    def _is_end(self, candidate: Candidate) -> bool:
        """F5: whether a feed may end at this block; checks a signature inside a run."""
        block = candidate.block
        if block.checked or block.sig is None:
            return block.checked
        opening = self.ledger.opening_of(block.header.feed)
        if opening is not None and is_proved(block, opening):
            candidate.block = block._replace(checked=True)
            return True
        return False

    def _drop(self, candidate: Candidate, rule: str, code: str) -> None:
        header = candidate.block.header
        self.ledger.refuse(rule, code, header.feed, header.seq)
        self.dropped.add(candidate.block.id)

    def _take_out(self, bad: list[Candidate]) -> None:
        """Take out candidates, what leans on them, and runs that lose their signed end."""
        while bad:
            candidate = bad.pop()
            if candidate.is_out:
                continue
            candidate.is_out = True
            bad += self.dependents.get(candidate.block.id, ())
            below = self.candidates.get(candidate.block.header.prev)
            if below is None or below.is_out:
                continue
            below.kids -= 1
            if not below.kids and not self._is_end(below):
                bad.append(below)

    def _note_waits(self) -> None:
        """What was taken out waits, if there is something that it waits for."""
        waiting = self._waiting()
        room = self.ledger.known.room
        for block_id, candidate in self.candidates.items():
            if block_id in waiting:
                needs = frozenset(candidate.needs | self._out_below(candidate))
                self.ledger.waits.append(Wait(candidate.block, needs, candidate.due_ms))
            elif block_id in room:
                self.ledger.left.append(block_id)
        self._ask()

    def _waiting(self) -> set[bytes]:
        """Ids of the blocks that wait for an id or a time, and of those that they follow."""
        waiting: set[bytes] = set()
        lost = self._lost()
        for candidate in self.candidates.values():
            if not candidate.is_out or candidate.block.id in lost:
                continue
            if candidate.needs or candidate.due_ms or self._out_below(candidate):
                trail: Candidate | None = candidate
                while trail is not None and trail.is_out and trail.block.id not in waiting:
                    waiting.add(trail.block.id)
                    trail = self.candidates.get(trail.block.header.prev)
        return waiting

    def _lost(self) -> set[bytes]:
        """Ids of what was refused or is too far ahead, and of all that leans on it."""
        lost = set(self.dropped)
        todo = list(lost)
        while todo:
            for leaning in self.dependents.get(todo.pop(), ()):
                if leaning.block.id not in lost:
                    lost.add(leaning.block.id)
                    todo.append(leaning.block.id)
        return lost

    def _out_below(self, candidate: Candidate) -> set[bytes]:
        header = candidate.block.header
        ids = (header.prev, *(dep.id for dep in header.deps))
        return {i for i in ids if (found := self.candidates.get(i)) is not None and found.is_out}

    def _ask(self) -> None:
        """Ask for the predecessors and deps that nobody here has."""
        room, openings = self.ledger.known.room, self.ledger.known.openings
        for candidate in self.candidates.values():
            missing = {
                need
                for need in candidate.needs
                if need not in room and need not in openings and need not in self.ledger.openings
            }
            header = candidate.block.header
            if header.prev in missing:
                below = Dep(header.feed, header.seq - 1, header.prev)
                self.ledger.sends.append(ask_for(self.ledger, below))
            asked = (ask_for(self.ledger, dep) for dep in header.deps if dep.id in missing)
            self.ledger.sends.extend(asked)

    def _in_order(self) -> Iterator[VerifiedBlock]:
        """Every block after its predecessor and its deps; else as they came."""
        done: set[bytes] = set()
        for first in self.candidates.values():
            if first.is_out or first.block.id in done:
                continue
            trail = [first]
            while trail:
                block = trail[-1].block
                below = [self.candidates.get(block.header.prev)]
                below += [self.candidates.get(dep.id) for dep in block.header.deps]
                missing = [
                    c for c in below if c is not None and not c.is_out and c.block.id not in done
                ]
                if missing:
                    trail += missing
                    continue
                trail.pop()
                if block.id not in done:
                    done.add(block.id)
                    yield block


def stored_time(ledger: Ledger, feed: bytes, seq: int, block: bytes) -> int | None:
    """The time of a stored or held block; None if it is not here."""
    n = ledger.find(feed, seq, block)
    if n is not None:
        chain = ledger.chain(n)
        if seq == chain.length - 1:
            return chain.last_time
        if seq:
            entry = ledger.entry(n, seq)
            return None if entry is None else entry.clear.time
    if not seq and block == feed and (opening := ledger.opening_of(feed)) is not None:
        return opening.time
    if ledger.is_held(feed, block):
        return read_header(ledger.held(feed)[block].record).time
    return None


def is_here(ledger: Ledger, dep: Dep) -> bool:
    """V10, C6: whether a dep is stored or held."""
    return (
        ledger.find(*dep) is not None
        or ledger.is_held(dep.feed, dep.id)
        or (not dep.seq and dep.id == dep.feed and ledger.find_number(dep.feed) is not None)
    )


def ask_for(ledger: Ledger, dep: Dep) -> AskRange:
    """The blocks of another feed, up to a dep."""
    n = ledger.find_number(dep.feed)
    first = 0 if n is None else min(ledger.chain(n).length, dep.seq)
    return AskRange(FeedId(dep.feed), first, dep.seq + 1)
