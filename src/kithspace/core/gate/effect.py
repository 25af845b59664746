"""What are the effects of a transaction that was worked out in a ledger?

Rules:
    G1, B5  All rows of the transaction, in an order in which they can be written, and what the
            replica knows once they are.
    F5      Another's feed is announced as far as it is signed; one's own only by `release`.
    Q3      A change names the object before and after, and its changed fields.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

from kithspace.core.effects import (
    After,
    Announce,
    Changed,
    DropObject,
    Effects,
    PutType,
    Row,
)
from kithspace.core.gate.ledger import Ledger
from kithspace.core.gate.pieces import Touch
from kithspace.core.gate.rebuild import rebuild
from kithspace.core.ids import FeedId, ObjectId

Reason: TypeAlias = Literal["write", "membership", "key", "checkpoint"]


def finish(ledger: Ledger, reason: Reason = "write") -> Effects:
    """End a transaction."""
    if ledger.dirty or ledger.is_rebuilding:
        rebuild(ledger)
    known = ledger.known
    feeds = {
        n: row for n, chain in ledger.chains.items() if (row := chain.row()) != known.feeds.get(n)
    }
    objects: list[Row] = []
    changed: list[Changed] = []
    for object_id, touch in ledger.touches.items():
        rows = _object_rows(ledger, touch)
        if rows or touch.now is not touch.before:
            objects += rows
            changed += _changes(object_id, touch, reason)
    types = [PutType(n, name, 1, "", "") for name, n in ledger.types.items()]
    announced = [
        Announce(FeedId(row.id), known.released(n), row.released)
        for n, row in feeds.items()
        if row.released > known.released(n)
    ]
    return Effects(
        persist=(
            *feeds.values(),
            *ledger.rows,
            *ledger.blocks.values(),
            *types,
            *objects,
            *ledger.touched,
        ),
        changed=tuple(changed),
        send=(*dict.fromkeys(ledger.sends), *announced),
        refused=tuple(ledger.refused),
        after=After(
            feeds=feeds,
            clock=ledger.clock,
            last_object=ledger.last_object,
            types=ledger.types,
            membership=None if ledger.membership is known.membership else ledger.membership,
            lagging=None if ledger.lagging == known.lagging else ledger.lagging,
            waits=tuple(ledger.waits),
            left=tuple(ledger.left),
            openings=ledger.openings,
            held=frozenset(feed for feed, rows in ledger.holds.items() if rows),
            own=ledger.own,
            own_record=ledger.own_record,
            own_bytes=ledger.own_bytes,
        ),
    )


def _object_rows(ledger: Ledger, touch: Touch) -> list[Row]:
    if touch.now is None:
        return [DropObject(touch.n)] if touch.before is not None else []
    if touch.is_rebuilt:
        dropped: list[Row] = [DropObject(touch.n)] if touch.before is not None else []
        return dropped + touch.now.rows(None, ledger)
    return touch.now.rows(touch.before, ledger)


def _changes(object_id: ObjectId, touch: Touch, reason: Reason) -> Iterator[Changed]:
    before, now = touch.before, touch.now
    if now is None:
        fields = before.changed_fields(None) if before is not None else frozenset[str]()
    else:
        fields = now.changed_fields(before)
    if not fields and before and now and before.root.heads == now.root.heads:
        return
    named = now or before
    yield Changed(
        object_id,
        named.type if named is not None else "",
        before,
        now,
        fields,
        touch.who,
        touch.app,
        touch.stamp,
        "membership" if touch.is_rebuilt else reason,
    )
