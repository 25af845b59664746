"""What proves that a device wrote two blocks under one number?

Rules:
    V12  Both headers, each with those that follow up to a signature (F5), are the proof; whoever
         sees it can check it without trusting who sent it.
"""

from collections.abc import Sequence

from kithspace.core.block import block_id as id_of
from kithspace.core.block import is_signed_by, read_header
from kithspace.core.effects import Proof, PutBlock
from kithspace.core.gate.family import Family, Node
from kithspace.core.gate.ledger import Ledger
from kithspace.core.ids import DeviceKey, FeedId, SpaceId
from kithspace.core.verify import VerifiedBlock
from kithspace.errors import CodecError, StampError


def note_forks(ledger: Ledger, family: Family, numbers: Sequence[int]) -> None:
    """Send a proof of every fork that new blocks made."""
    if len(numbers) == 1:
        return
    for kids in family.kids.values():
        if len(kids) > 1 and any(isinstance(kid.source, VerifiedBlock) for kid in kids):
            proof = _proof(family, kids[0], kids[-1])
            if proof is not None:
                ledger.sends.append(proof)


def is_proof(proof: Proof, space: SpaceId, device: DeviceKey) -> bool:
    """Whether a proof from outside shows two signed histories of one feed; raises nothing."""
    sides = (proof.left, proof.left_sig), (proof.right, proof.right_sig)
    if proof.left[:1] == proof.right[:1]:
        return False
    return all(_is_side(proof, space, device, records, sig) for records, sig in sides)


def _is_side(
    proof: Proof, space: SpaceId, device: DeviceKey, records: Sequence[bytes], sig: bytes
) -> bool:
    seq, prev = proof.seq, b""
    for record in records:
        try:
            header = read_header(record)
        except (CodecError, StampError):
            return False
        if header.feed != proof.feed or header.seq != seq or (prev and header.prev != prev):
            return False
        seq, prev = seq + 1, id_of(space, record)
    return bool(records) and is_signed_by(device, space, records[-1], sig)


def _proof(family: Family, left: Node, right: Node) -> Proof | None:
    sides = [_side(family, node) for node in (left, right)]
    if not all(sig for _, sig in sides):
        return None
    (left_records, left_sig), (right_records, right_sig) = sides
    feed = FeedId(family.ledger.feed_id(family.root))
    return Proof(feed, left.seq, left_records, left_sig, right_records, right_sig)


def _side(family: Family, node: Node) -> tuple[tuple[bytes, ...], bytes]:
    """The headers from a node to the next signed block after it."""
    records: list[bytes] = []
    while True:
        records.append(_record(family, node))
        if node.sig is not None:
            return tuple(records), node.sig
        kids = family.kids.get(node.id)
        if not kids:
            return (), b""
        node = kids[0]


def _record(family: Family, node: Node) -> bytes:
    if isinstance(node.source, PutBlock):
        return family.wire(node.source)[0]
    return node.source.record
