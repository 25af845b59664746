"""What is an object, when it is made again from the blocks that count?

Rules:
    W12, C7  The touched objects are rebuilt from the counting blocks, found through the index
             `touched`; the result is what any node gets that never saw the others.
    W3, W4   In order of stamps every replaced write comes before the one that replaces it.
    V12      A run that a fork cuts is without effect.
"""

from collections.abc import Iterator

from kithspace.core.block import CONTINUED, MAX_RUN
from kithspace.core.document import Document
from kithspace.core.effects import SEQ_BITS
from kithspace.core.gate.applying import Pending, content_of, is_cut_below, t4_joined
from kithspace.core.gate.ledger import Ledger
from kithspace.core.gate.pieces import Entry, Touch
from kithspace.core.ids import ObjectId
from kithspace.core.payload import Payload
from kithspace.core.stamp import Stamp

_SEQ_MASK = (1 << SEQ_BITS) - 1


def rebuild(ledger: Ledger) -> None:
    """Make every object again that blocks wrote which count no more, or count again."""
    for n in ledger.dirty:
        row = ledger.state.object(n)
        if row is not None:
            ledger.touch(ObjectId(row.id)).is_rebuilt = True
    contents: dict[int, Payload | None] = {}
    for object_id, touch in ledger.touches.items():
        if touch.is_rebuilt:
            _rebuild_one(ledger, object_id, touch, contents)


def _rebuild_one(
    ledger: Ledger, object_id: ObjectId, touch: Touch, contents: dict[int, Payload | None]
) -> None:
    touch.now = None
    pending: dict[tuple[int, int], Pending] = {}
    for stamp, entry in sorted(_entries(ledger, touch.n), key=_stamp_of):
        end = end_of_run(ledger, entry)
        content = None if end is None else _content(ledger, entry, contents)
        if end is None or content is None:
            continue
        parts = pending.setdefault((entry.n, end), {})
        for group in content.groups:
            if group.id == object_id:
                now = touch.now or Document.empty(object_id, touch.n, group.salt)
                touch.now = now.merge(t4_joined(group, parts), stamp)
                touch.who = ledger.opening(entry.n).identity
                touch.app, touch.stamp = content.app, stamp


def _content(ledger: Ledger, entry: Entry, contents: dict[int, Payload | None]) -> Payload | None:
    """A block's payload; one block may have written to many of the objects."""
    key = entry.n << SEQ_BITS | entry.seq
    if key not in contents:
        contents[key] = content_of(ledger, entry)
    return contents[key]


def _entries(ledger: Ledger, n: int) -> Iterator[tuple[Stamp, Entry]]:
    """The applied blocks that wrote to an object."""
    keys = {
        ledger.moved.get(key, key) for key in ledger.state.touched(n) if key not in ledger.dropped
    }
    keys |= {touched.block for touched in ledger.touched if touched.obj == n}
    for key in keys:
        entry = ledger.entry(key >> SEQ_BITS, key & _SEQ_MASK)
        if entry is not None:
            yield ledger.stamp_of(entry.n, entry.clear.time), entry


def end_of_run(ledger: Ledger, entry: Entry) -> int | None:
    """Where a block's transaction run ends; None: it has no effect (A10, V12)."""
    chain = ledger.chain(entry.n)
    last: Entry | None = entry
    while last is not None and last.clear.kind == CONTINUED:
        last = ledger.entry(entry.n, last.seq + 1) if last.seq + 1 < chain.length else None
    if last is None:
        return None
    start = _start_of_run(ledger, entry)
    if last.seq - start >= MAX_RUN or is_cut_below(ledger, chain, start):
        return None
    return last.seq


def _start_of_run(ledger: Ledger, entry: Entry) -> int:
    seq, first = entry.seq, max(ledger.first(entry.n), 1)
    while seq > first:
        below = ledger.entry(entry.n, seq - 1)
        if below is None or below.clear.kind != CONTINUED:
            break
        seq -= 1
    return seq


def _stamp_of(pair: tuple[Stamp, Entry]) -> Stamp:
    return pair[0]
