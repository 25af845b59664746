"""What do new credentials change in what is stored?

Rules (security.md):
    C7    When blocks stop counting, or start again, feeds are laid out again and the touched
          objects rebuilt, in the same transaction.
    V4    Open records that waited for their grant are looked at again.
    M1    What is missing is asked for.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from kithspace.core.credential import AcceptHeld, IdentityUpdate, Lower, Remove
from kithspace.core.effects import AskCredentials, PutCredential, Refused
from kithspace.core.fold import Intake
from kithspace.core.gate.applying import advance
from kithspace.core.gate.ledger import Ledger
from kithspace.core.gate.placing import cuts_of, place, resettle, v4_open, v5_paused
from kithspace.core.gate.storing import Selection
from kithspace.core.ids import CredentialId

_ABOUT_FEEDS: Final = (Remove, Lower, IdentityUpdate, AcceptHeld)


def admit(ledger: Ledger, intake: Intake) -> None:
    """Store what was accepted, and let feeds follow."""
    for new in intake.accepted:
        ledger.rows.append(PutCredential(new.id, new.depth, new.raw, new.sig, int(new.counts)))
    _store_recounts(ledger, intake)
    for refused in intake.refused:
        ledger.refused.append(Refused("M2", refused.code, refused.score, refused.id, 0))
    if intake.waiting:
        ledger.sends.append(AskCredentials(intake.waiting))
    if not intake.accepted:
        return
    settled = [n for root in _affected(ledger, intake) for n in _follow(ledger, root)]
    # What lagged behind a block that does not count any more waits for it no longer (C6).
    advance(ledger, [*settled, *ledger.lagging] if settled else settled)
    opened = [o.id for o in ledger.known.openings.values() if v4_open(ledger, o)]
    if opened:
        woken = v5_paused(ledger, ledger.known.room.woken_by(opened))
        place(ledger, Selection(ledger).select(woken))


def _store_recounts(ledger: Ledger, intake: Intake) -> None:
    if not intake.recounted:
        return
    new = {admitted.id for admitted in intake.accepted}
    moved = {recount.id for recount in intake.recounted} - new
    for known in ledger.membership.credentials():
        if known.id in moved:
            ledger.rows.append(
                PutCredential(known.id, known.depth, known.raw, known.sig, int(known.counts))
            )


def _affected(ledger: Ledger, intake: Intake) -> Iterator[int]:
    """The feeds that the new credentials may cut, void or free."""
    is_about_all = bool(intake.recounted)
    who: set[bytes] = set()
    feeds: set[bytes] = set()
    for new in intake.accepted:
        _note_about(ledger, new.id, who, feeds)
    if not (is_about_all or who or feeds):
        return
    for n, feed in list(ledger.known.feeds.items()):
        if feed.branch_of is not None:
            continue
        if is_about_all or feed.id in feeds or ledger.known.opening(n).identity in who:
            yield n


def _note_about(
    ledger: Ledger, credential: CredentialId, who: set[bytes], feeds: set[bytes]
) -> None:
    content = ledger.membership.content(credential)
    match content.body if content is not None else None:
        case Remove(identity=identity) | Lower(identity=identity):
            who.add(identity)
        case IdentityUpdate() if content is not None:
            who.add(content.issuer)
        case AcceptHeld(heads=heads):
            feeds.update(ledger.root_id(head.feed) for head in heads)
        case _:
            pass


def _follow(ledger: Ledger, root: int) -> Iterable[int]:
    """Lay a feed out again, if it is bounded now, or was."""
    cuts = cuts_of(ledger, root)
    chain = ledger.chain(root)
    if cuts.is_open and chain.length and not ledger.held(chain.id):
        return ()
    return resettle(ledger, root, cuts)
