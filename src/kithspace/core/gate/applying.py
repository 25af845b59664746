"""Which stored blocks can be applied now, and what do they change?

Rules:
    protocol.md section 3, A10  A transaction run is applied as a whole, when its last block is
        stored, all that it depends on is applied (or held), and its key is here. Else its feed
        lags, and with it what builds on it.
    V12   A run that a fork cuts is without effect.
    V14   A payload that does not open or decode is empty but counted, the same on every node.
    T4    A text's update that is cut into several writes of a run is joined again.
    C6    A held dep is satisfied.
    W3    A block that comes back (C3) is not merged late: its objects are rebuilt.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from kithspace.core.block import CONTINUED, MAX_RUN, Dep
from kithspace.core.crypto import NONCE_BYTES
from kithspace.core.document import Document
from kithspace.core.effects import SEQ_BITS, AskKey, PutTouched
from kithspace.core.envelope import CIPHERTEXT
from kithspace.core.gate.ledger import Ledger
from kithspace.core.gate.pieces import Chain, Entry
from kithspace.core.ids import ObjectId
from kithspace.core.payload import Group, Payload, Write, decode_payload
from kithspace.core.value import TEXT, TEXT_PART, TEXT_UPDATE
from kithspace.errors import PayloadError

MAX_TEXT_BYTES: Final = 4 * 2**20
"""Of a text's update, joined (2.4)."""

Pending: TypeAlias = dict[tuple[ObjectId, bytes], bytes]
"""Parts of texts that the run has not ended yet, by object and cell."""

UNFINISHED: Final = b"run"
"""What a feed needs whose last transaction has not come whole."""


def advance(ledger: Ledger, numbers: Iterable[int]) -> None:
    """Apply what can be applied of these feeds, and of those that waited for it."""
    todo = list(numbers)
    while todo:
        todo += _advance_one(ledger, ledger.chain(todo.pop()))


def apply_one(ledger: Ledger, entry: Entry) -> bool:
    """Apply a block that is a run by itself, where nothing lags; false: its key is not here."""
    if entry.clear.form == CIPHERTEXT and not ledger.has_key(entry):
        return False
    _apply_block(ledger, ledger.chain(entry.n), entry, {})
    return True


def _advance_one(ledger: Ledger, chain: Chain) -> list[int]:
    """Apply a feed's blocks as far as they go; return the feeds that this sets free."""
    woken: list[int] = []
    while chain.applied < chain.length:
        unit, is_whole = next_unit(ledger, chain)
        if not unit:
            ledger.lagging[chain.n] = UNFINISHED
            return woken
        need = _obstacle(ledger, chain, unit)
        if need is not None:
            ledger.lagging[chain.n] = need
            return woken
        _apply_unit(ledger, chain, unit, is_whole=is_whole)
        if ledger.lagging:
            woken += _set_free(ledger, chain, unit)
    ledger.lagging.pop(chain.n, None)
    return woken


def next_unit(ledger: Ledger, chain: Chain) -> tuple[list[Entry], bool]:
    """The next transaction run of a feed, and whether it has effect; empty: not all there."""
    unit: list[Entry] = []
    is_whole = not is_cut_below(ledger, chain, chain.applied)
    for seq in range(chain.applied, min(chain.length, chain.applied + MAX_RUN)):
        entry = ledger.entry(chain.n, seq)
        if entry is None:
            return [], False
        unit.append(entry)
        if entry.clear.kind != CONTINUED:
            return unit, is_whole
    if len(unit) == MAX_RUN or ledger.has_branches(chain.n):
        return unit, False
    return [], False


def is_cut_below(ledger: Ledger, chain: Chain, seq: int) -> bool:
    """V12: whether a fork cut the run that goes on at the start of a branch."""
    if chain.branch_of is None or seq != ledger.first(chain.n) or seq < 2:
        return False
    parent = chain.branch_of
    while ledger.first(parent) > seq - 1:
        parent = ledger.chain(parent).branch_of or parent
    below = ledger.entry(parent, seq - 1)
    return below is not None and below.clear.kind == CONTINUED


def _obstacle(ledger: Ledger, chain: Chain, unit: Sequence[Entry]) -> bytes | None:
    """What has to come before a run can be applied; None: nothing."""
    if ledger.lagging or chain.branch_of is not None:
        need = _unapplied(ledger, chain, unit)
        if need is not None:
            return need
    for entry in unit:
        if entry.clear.form == CIPHERTEXT and not ledger.has_key(entry):
            ledger.sends.append(AskKey(entry.clear.gen))
            return entry.clear.gen
    return None


def _unapplied(ledger: Ledger, chain: Chain, unit: Sequence[Entry]) -> bytes | None:
    if chain.branch_of is not None and unit[0].seq == ledger.first(chain.n):
        parent = ledger.chain(chain.branch_of)
        if parent.applied < parent.length:
            return parent.head
    deps = (dep for entry in unit for dep in entry.clear.deps)
    return next((dep.id for dep in deps if not _is_satisfied(ledger, chain, dep)), None)


def _is_satisfied(ledger: Ledger, chain: Chain, dep: Dep) -> bool:
    """Whether a dep is applied, or held (C6); what is stored later in this transaction is not."""
    n = ledger.find(*dep)
    if n is None:
        return not dep.seq or ledger.is_held(dep.feed, dep.id)
    return n == chain.n or ledger.chain(n).applied > dep.seq


def _set_free(ledger: Ledger, chain: Chain, unit: Sequence[Entry]) -> list[int]:
    ids = {ledger.id_at(chain.n, entry.seq) for entry in unit}
    return [n for n, need in ledger.lagging.items() if need in ids]


def _apply_unit(ledger: Ledger, chain: Chain, unit: Sequence[Entry], *, is_whole: bool) -> None:
    pending: Pending | None = {} if is_whole else None
    for entry in unit:
        _apply_block(ledger, chain, entry, pending)


def _apply_block(ledger: Ledger, chain: Chain, entry: Entry, pending: Pending | None) -> None:
    """Count a block as applied, and merge it; `pending` is None if its run has no effect."""
    content = content_of(ledger, entry)
    chain.applied = entry.seq + 1
    chain.tip = 1
    if entry.clear.deps:
        _clear_tips(ledger, entry)
    if content is not None and pending is not None:
        _merge(ledger, entry, content, pending)


def _clear_tips(ledger: Ledger, entry: Entry) -> None:
    """The feeds whose last applied block this one names are heads no longer."""
    for dep in entry.clear.deps:
        n = ledger.find(*dep)
        if n is not None:
            named = ledger.chain(n)
            if named.applied == dep.seq + 1:
                named.tip = 0


def content_of(ledger: Ledger, entry: Entry) -> Payload | None:
    """V14: the payload of a block; None: it is empty but counted."""
    if entry.content is not None:
        return entry.content
    feed = ledger.feed_id(entry.n)
    if entry.clear.form == CIPHERTEXT:
        entry = ledger.reopen(entry)  # stored before its key came (B7)
        if entry.clear.form == CIPHERTEXT:
            ledger.refuse("V14", "E_PAYLOAD", feed, entry.seq)
            return None
    opening = ledger.opening(entry.n)
    stamp = ledger.stamp_of(entry.n, entry.clear.time)
    try:
        return decode_payload(
            entry.body[NONCE_BYTES:], feed, ledger.known.space, opening.identity, stamp
        )
    except PayloadError:
        ledger.refuse("V14", "E_PAYLOAD", feed, entry.seq)
        return None


def _merge(ledger: Ledger, entry: Entry, content: Payload, pending: Pending) -> None:
    stamp = ledger.stamp_of(entry.n, entry.clear.time)
    key = entry.n << SEQ_BITS | entry.seq
    who = ledger.opening(entry.n).identity
    # A mention by feed and time may mean several branches of a fork (W13), so what a branch writes
    # is merged in the order of stamps.
    is_late = key in ledger.late or ledger.chain(entry.n).branch_of is not None
    for group in content.groups:
        touch = ledger.touch(group.id)
        touch.who, touch.app, touch.stamp = who, content.app, stamp
        ledger.touched.append(PutTouched(touch.n, key))
        if is_late:
            touch.is_rebuilt = ledger.is_rebuilding = True
        elif not touch.is_rebuilt:
            now = touch.now or Document.empty(group.id, touch.n, group.salt)
            touch.now = now.merge(t4_joined(group, pending), stamp)


def t4_joined(group: Group, pending: Pending) -> Sequence[Write]:
    """T4: the writes of a group, with a text's parts joined to the write that ends them."""
    if not pending and not any(_part_of(write) for write in group.writes):
        return group.writes
    joined = []
    for write in group.writes:
        place = (group.id, write.key)
        part = _part_of(write)
        if part:
            pending[place] = pending.get(place, b"") + part
        elif place in pending:
            joined += _ended(write, pending.pop(place))
        else:
            joined.append(write)
    return joined


def _part_of(write: Write) -> bytes:
    value = write.value
    if type(value) is tuple and value[0] == TEXT_PART:
        return value[2]  # type: ignore[return-value]  # `(23, incarnation, bytes)`
    return b""


def _ended(write: Write, part: bytes) -> list[Write]:
    """The write that ends a text's parts; none, if the whole is over its limit."""
    match write.value:
        case (int(code), *middle, bytes(last)) if code in (TEXT, TEXT_UPDATE):
            if len(part) + len(last) > MAX_TEXT_BYTES:
                return []
            return [write._replace(value=(code, *middle, part + last))]
        case _:
            return [write]
