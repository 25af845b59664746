"""Where does a block go: to the end of its feed, on a branch, or apart?

Rules (security.md section 7):
    V4   The feed's right is a grant of writer or more; unknown: its credentials are asked for.
    V5   At most 256 feeds of one device; a feed with 64 branches is paused.
    V12  A second block under one number makes branches of both; the device's own feed goes on no
         more (F4).
    V13  Blocks beyond a cut are held. What is held may count when the head that a cut lists comes.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from kithspace.core.block import LAST, OpenRecord
from kithspace.core.cut import Cuts
from kithspace.core.effects import AskCredentials, PutAbout, PutHeld
from kithspace.core.fold import FeedRight
from kithspace.core.gate.applying import advance, apply_one
from kithspace.core.gate.family import Family
from kithspace.core.gate.fork import note_forks
from kithspace.core.gate.known import OWN_FEED
from kithspace.core.gate.ledger import Ledger
from kithspace.core.gate.storing import Selection
from kithspace.core.verify import VerifiedBlock, VerifiedOpening, Witness

MAX_FEEDS: Final = 256
MAX_BRANCHES: Final = 64
MAX_OPENINGS: Final = 1_000
FORKED: Final = 2
"""The reason of an open record whose device found blocks of its own that it did not know."""
NEW_RIGHT: Final = 5


def take(ledger: Ledger, witnesses: Sequence[Witness]) -> None:
    """Store, hold and apply what came, and what it wakes."""
    opened: list[bytes] = []
    blocks: list[VerifiedBlock] = []
    for witness in witnesses:
        if isinstance(witness, VerifiedBlock):
            blocks.append(witness)
        elif v4_open(ledger, witness.opening):
            opened.append(witness.opening.id)
    blocks += ledger.known.room.woken_by(opened)
    place(ledger, Selection(ledger).select(v5_paused(ledger, blocks)))


def take_own(ledger: Ledger, witnesses: Iterable[Witness]) -> None:
    """Store and apply own blocks, sealed just now; V3-V9 are true by construction."""
    for witness in witnesses:
        if isinstance(witness, VerifiedOpening):
            if ledger.find_number(witness.opening.id) is None:
                chain = ledger.open_feed(witness.opening, counts=True)
                chain.released = 0
                ledger.own = (chain.n, None)
                ledger.rows.append(PutAbout(OWN_FEED, chain.id))
            continue
        header = witness.header
        n = ledger.find_number(header.feed)
        if n is None or ledger.chain(n).head != header.prev:
            continue  # V3
        ledger.bases.update(witness.bases)
        append(ledger, n, witness)
        ledger.own_record = witness.record
        size = ledger.known.own_bytes + header.size + len(witness.record)
        ledger.own_bytes = 0 if witness.checked else size


def v4_open(ledger: Ledger, opening: OpenRecord) -> bool:
    """V4, V5: store an open record, if its right is known and good."""
    if ledger.find_number(opening.id) is not None:
        return False
    right = ledger.membership.may_write_feed(opening)
    if right is FeedRight.STANDS:
        if ledger.known.feeds_of(opening.device) >= MAX_FEEDS:
            ledger.refuse("V5", "E_QUOTA", opening.id, 0)
            return False
        cuts = ledger.membership.cuts(opening)
        ledger.open_feed(opening, counts=cuts.is_open)
        if opening.id in ledger.known.openings:
            ledger.openings[opening.id] = None
        return True
    if right is FeedRight.REFUSED:
        ledger.refuse("V4", "E_FEED", opening.id, 0)
        ledger.openings[opening.id] = None
    elif len(ledger.known.openings) + len(ledger.openings) < MAX_OPENINGS:
        ledger.openings[opening.id] = opening
        ledger.sends.append(AskCredentials((opening.auth,)))
    return False


def v5_paused(ledger: Ledger, blocks: Iterable[VerifiedBlock]) -> list[VerifiedBlock]:
    """V5: leave out new blocks of a feed with too many branches, until an admin removes it."""
    families = ledger.known.families
    if not families:
        return list(blocks)
    passed = []
    for block in blocks:
        root = ledger.find_number(block.header.feed)
        if root is not None and ledger.branches_counting(root) >= MAX_BRANCHES:
            ledger.refuse("V5", "E_QUOTA", block.header.feed, block.header.seq)
        else:
            passed.append(block)
    return passed


def place(ledger: Ledger, blocks: Sequence[VerifiedBlock]) -> None:
    """Store or hold blocks that can be, in causal order, and apply what can be applied."""
    parts: dict[bytes, list[VerifiedBlock]] = {}
    for block in blocks:
        parts.setdefault(block.header.feed, []).append(block)
    settled: dict[bytes, list[int] | None] = {}
    roots: dict[bytes, int] = {}
    for feed, part in parts.items():
        root = ledger.find_number(feed)
        if root is not None:
            roots[feed] = root
            settled[feed] = _settle(ledger, root, part)
    for block in blocks:
        header = block.header
        root = roots.get(header.feed)
        if root is None:
            continue
        numbers = settled[header.feed]
        if numbers is not None:
            advance(ledger, numbers)
            continue
        n = root
        if len(ledger.family(root)) > 1:
            n = ledger.find(header.feed, header.seq - 1, header.prev) or root
        append(ledger, n, block)


def append(ledger: Ledger, n: int, block: VerifiedBlock) -> None:
    """Store a block at the end of a feed or branch, and apply what can be applied."""
    entry = ledger.append(n, block)
    if not ledger.lagging and entry.clear.kind == LAST:
        chain = ledger.chain(n)
        if chain.applied == entry.seq and chain.branch_of is None and apply_one(ledger, entry):
            return
    advance(ledger, (n,))


def _settle(ledger: Ledger, root: int, part: Sequence[VerifiedBlock]) -> list[int] | None:
    """Hold a feed's new blocks, or lay the feed out again; None: they go to the ends of chains."""
    cuts = cuts_of(ledger, root)
    if cuts.is_open:
        if _only_extends(ledger, root, part):
            _note_own(ledger, root)
            return None
    elif not _lists_any(cuts, part):
        hold(ledger, root, part)
        return []
    return resettle(ledger, root, cuts, part)


def resettle(
    ledger: Ledger, root: int, cuts: Cuts, part: Sequence[VerifiedBlock] = ()
) -> list[int]:
    """Lay a feed out again; return its chains' numbers."""
    family = Family.load(ledger, root, _within_branches(ledger, root, part))
    numbers = family.settle(cuts)
    for n in numbers:
        chain = ledger.chain(n)
        if chain.applied < chain.length:
            ledger.lagging[n] = b""
    note_forks(ledger, family, numbers)
    if len(numbers) > 1 or part:
        _note_own(ledger, root)
    return numbers


def hold(ledger: Ledger, root: int, part: Iterable[VerifiedBlock]) -> None:
    """C5: keep blocks apart that do not count."""
    feed = ledger.feed_id(root)
    held = ledger.held(feed)
    for block in part:
        header = block.header
        sig = block.sig if block.checked else None
        row = PutHeld(feed, header.seq, block.id, block.record, block.payload, sig)
        held[block.id] = row
        ledger.rows.append(row)


def cuts_of(ledger: Ledger, root: int) -> Cuts:
    """What bounds a feed."""
    branches = [ledger.chain(n).id for n in ledger.family(root)[1:]]
    return ledger.membership.cuts(ledger.opening(root), branches)


def _only_extends(ledger: Ledger, root: int, part: Sequence[VerifiedBlock]) -> bool:
    ends = {ledger.chain(n).head for n in ledger.family(root) if not ledger.has_branches(n)}
    for block in part:
        if block.header.prev not in ends:
            return False
        ends.remove(block.header.prev)
        ends.add(block.id)
    return True


def _lists_any(cuts: Cuts, part: Iterable[VerifiedBlock]) -> bool:
    """Whether one of these blocks is a head that a cut or an accept-held lists."""
    listed = {head.id for heads in cuts.bounds for head in heads}
    listed |= {head.id for accepted in cuts.accepted for head in accepted.heads}
    return any(block.id in listed for block in part)


def _within_branches(
    ledger: Ledger, root: int, part: Sequence[VerifiedBlock]
) -> list[VerifiedBlock]:
    """V5: of many new histories in one message, no more than a feed may have branches."""
    chains = [ledger.chain(n) for n in ledger.family(root)]
    ends = {chain.head for chain in chains if not ledger.has_branches(chain.n)}
    forks = {chain.head for chain in chains} - ends
    branches = ledger.branches_counting(root)
    passed: list[VerifiedBlock] = []
    left_out: set[bytes] = set()
    for block in part:
        prev = block.header.prev
        # A first fork makes a branch of what was there as well.
        more = 0 if prev in ends else 1 if prev in forks else 2
        if prev in left_out or branches + more > MAX_BRANCHES:
            left_out.add(block.id)
            ledger.refuse("V5", "E_QUOTA", block.header.feed, block.header.seq)
            continue
        branches += more
        ends.discard(prev)
        if more:
            forks.add(prev)
        ends.add(block.id)
        passed.append(block)
    return passed


def _note_own(ledger: Ledger, root: int) -> None:
    """F4: a block of one's own device that was not known: the feed is succeeded, not continued."""
    if root == ledger.known.own and ledger.known.own_reason is None:
        ledger.own = (root, FORKED)
        ledger.rows.append(PutAbout(OWN_FEED, ledger.chain(root).id + bytes((FORKED,))))
