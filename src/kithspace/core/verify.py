"""Is what came in a message authentic: whole, of this space, and signed by the feed's device?

The result is witnesses. A `VerifiedBlock` can only come from here, or from sealing an own block, so
nobody downstream has to ask again. Whether it fits in, and whether it counts, is `core/gate`'s.

Rules (security.md section 7; the first failure decides, cheap ones first):
    V1  Size limits: E_LIMIT.
    V2  Canonical decode, version: E_ENCODING, E_VERSION.
    V3  What is stored under this id is ignored.
    V4  The feed's open record: signature and space here, its right in the gate. Unknown: asked for.
    V6  Payload length and hash: E_HASH.
    V8  Ranges of the time: E_STAMP.
    V9, F5  The signature of the last block of each contiguous run of a feed proves the run. A run
        that fails is dropped whole. Signatures inside it stay unchecked (`checked` is false).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from kithspace.core import crypto
from kithspace.core.block import (
    OPENING,
    Header,
    OpenRecord,
    block_id,
    fits,
    is_signed_by,
    kind_of,
    read_header,
    read_open_record,
)
from kithspace.core.effects import AskRange, Refused
from kithspace.core.ids import BlockId, FeedId, ObjectId, SpaceId
from kithspace.core.payload import Payload
from kithspace.core.state import WireBlock
from kithspace.errors import CodecError, LimitError, StampError, VersionError

if TYPE_CHECKING:
    from kithspace.core.document import Document

SCORES: Final = {
    "E_LIMIT": -20,
    "E_ENCODING": -20,
    "E_VERSION": 0,
    "E_FEED": -5,
    "E_QUOTA": 0,
    "E_HASH": -20,
    "E_CHAIN": -20,
    "E_STAMP": -20,
    "E_SIGNATURE": -50,
    "E_PAYLOAD": 0,
}
"""What a peer's score loses (security.md section 7)."""


_NO_BASES: "Final[Mapping[ObjectId, Document | None]]" = {}


class VerifiedOpening(NamedTuple):
    """An open record whose signature is good, in this space."""

    opening: OpenRecord


class VerifiedBlock(NamedTuple):
    """A block that its feed's device wrote: witness of V1, V2, V6 and V9.

    Attributes:
        header: Its header.
        record: The header's bytes.
        id: Its id.
        payload: Nonce and ciphertext, as it came; for an own block nonce and opened body.
        sig: Its signature, if it has one.
        checked: Whether `sig` itself was checked (F5: else it is neither stored nor passed on).
        content: The payload of an own block, which is not decoded again.
        bases: The stored documents that an own block was written on, as far as its author had
            them; None: there is none.
    """

    header: Header
    record: bytes
    id: BlockId
    payload: bytes
    sig: bytes | None
    checked: bool
    content: Payload | None = None
    bases: "Mapping[ObjectId, Document | None]" = _NO_BASES


Witness: TypeAlias = VerifiedOpening | VerifiedBlock


class Verified(NamedTuple):
    """What `verify` gives: witnesses for `apply`, refusals to score, what to ask for."""

    blocks: tuple[Witness, ...] = ()
    refused: tuple[Refused, ...] = ()
    send: tuple[AskRange, ...] = ()


def refusal(rule: str, code: str, feed: bytes, seq: int) -> Refused:
    """A refusal with the score that its code costs."""
    return Refused(rule, code, SCORES[code], feed, seq)


@dataclass(slots=True)
class Inspection:
    """The pass over one message.

    Args:
        space: Only its blocks verify.
        opening: The open record of a known feed, by feed id.
        is_known: Whether a block brings nothing new (V3).
    """

    space: SpaceId
    opening: Callable[[bytes], OpenRecord | None]
    is_known: Callable[[VerifiedBlock], bool]
    _opened: dict[bytes, OpenRecord] = field(default_factory=dict)
    _parts: dict[FeedId, list[VerifiedBlock]] = field(default_factory=dict)
    _blocks: list[Witness] = field(default_factory=list)
    _refused: list[Refused] = field(default_factory=list)
    _asks: list[AskRange] = field(default_factory=list)

    def verify(self, message: Sequence[WireBlock]) -> Verified:
        """Check a message; no input raises."""
        for record, payload, sig in message:
            if kind_of(record) == OPENING:
                self._take_opening(record, sig)
            else:
                self._take_block(record, payload, sig)
        for feed, part in self._parts.items():
            self._prove(feed, part)
        return Verified(tuple(self._blocks), tuple(self._refused), tuple(self._asks))

    def _refuse(self, rule: str, code: str, feed: bytes = b"", seq: int = 0) -> None:
        self._refused.append(refusal(rule, code, feed, seq))

    def _take_opening(self, record: bytes, sig: bytes | None) -> None:
        try:
            opening = read_open_record(record, sig or b"")
        except (CodecError, StampError) as error:
            self._refuse(*code_of(error))
            return
        if self.opening(opening.id) is not None or opening.id in self._opened:
            return  # V3
        # V4: here its signature and space; its right is the gate's question.
        if opening.space != self.space:
            self._refuse("V4", "E_FEED", opening.id)
        elif not crypto.verify(opening.device, "ks1/feed", record, opening.sig):
            self._refuse("V9", "E_SIGNATURE", opening.id)
        else:
            self._opened[opening.id] = opening
            self._blocks.append(VerifiedOpening(opening))

    def _take_block(self, record: bytes, payload: bytes | None, sig: bytes | None) -> None:
        try:
            header = read_header(record)
        except (CodecError, StampError) as error:
            self._refuse(*code_of(error))
            return
        identifier = block_id(self.space, record)
        block = VerifiedBlock(header, record, identifier, payload or b"", sig, checked=False)
        if self.is_known(block):
            return  # V3
        if payload is None or not fits(header, payload):
            self._refuse("V6", "E_HASH", header.feed, header.seq)
            return
        self._parts.setdefault(header.feed, []).append(block)

    def _prove(self, feed: FeedId, part: list[VerifiedBlock]) -> None:
        """V9 for the runs of one feed's part."""
        opening = self._opened.get(feed) or self.opening(feed)
        if opening is None:
            # V4: without its open record nobody can say whose the feed is.
            self._asks.append(AskRange(feed, 0, max(block.header.seq for block in part) + 1))
            return
        for run in _runs(part):
            signed = next((i for i in reversed(range(len(run))) if run[i].sig is not None), -1)
            if signed < len(run) - 1:
                # A part ends at a signed block; what follows the last one is unproved.
                self._refuse("V9", "E_SIGNATURE", feed, run[signed + 1].header.seq)
            if signed < 0:
                continue
            last = run[signed]
            if is_signed_by(opening.device, self.space, last.record, last.sig or b""):
                self._blocks += run[:signed]
                self._blocks.append(last._replace(checked=True))
            else:
                self._refuse("V9", "E_SIGNATURE", feed, last.header.seq)


def is_proved(block: VerifiedBlock, opening: OpenRecord) -> bool:
    """V9 for a signature inside a run, once the run has to end there."""
    if block.checked or block.sig is None:
        return block.checked
    return is_signed_by(opening.device, opening.space, block.record, block.sig)


def code_of(error: Exception) -> tuple[str, str]:
    """Rule and code of an error of reading."""
    match error:
        case LimitError():
            return "V1", "E_LIMIT"
        case VersionError():
            return "V2", "E_VERSION"
        case StampError():
            return "V8", "E_STAMP"
        case _:
            return "V2", "E_ENCODING"


def _runs(part: Iterable[VerifiedBlock]) -> list[list[VerifiedBlock]]:
    """Cut one feed's part where the chain of ids breaks; a block that came twice counts once."""
    runs: list[list[VerifiedBlock]] = []
    seen: set[bytes] = set()
    last_id, last_seq = b"", 0
    for block in part:
        if block.id in seen:
            continue
        seen.add(block.id)
        if block.header.prev != last_id or block.header.seq != last_seq + 1:
            runs.append([])
        runs[-1].append(block)
        last_id, last_seq = block.id, block.header.seq
    return runs
