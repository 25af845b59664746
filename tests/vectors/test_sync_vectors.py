"""What sets are compared by, and what presence is sealed as, byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from kithspace.core import crypto
from kithspace.core.ids import BlockId, CredentialId, FeedId, GenerationId, SpaceId
from kithspace.protocol.leaves import ALL_BUCKETS, LeafSet, What, bit_map, buckets_of, read_leaves
from kithspace.protocol.presence import ContentKey, Presence

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "sync.json").read_text()
)


def raw(vector: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(vector[name])


def leaf_set(vector: dict[str, Any]) -> LeafSet:
    leaves = LeafSet(What(vector["what"]))
    for leaf in vector["leaves"]:
        key, number, whole = raw(leaf, "key"), leaf["number"], raw(leaf, "whole")
        if leaves.what is What.CREDENTIALS:
            leaves.put_credential(CredentialId(key), number)
        else:
            leaves.put_feed(FeedId(key), number, BlockId(whole))
    return leaves


@pytest.mark.parametrize("vector", VECTORS["sets"])
def test_x5_sets(vector: dict[str, Any]) -> None:
    leaves = leaf_set(vector)
    assert leaves.root() == raw(vector, "root")
    assert leaves.short_digests() == raw(vector, "buckets")
    assert b"".join(leaves.sent_leaves(ALL_BUCKETS)) == raw(vector, "sent")
    used = {raw(leaf, "key")[0] for leaf in vector["leaves"]}
    assert bit_map(used) == raw(vector, "bit_map")
    assert buckets_of(raw(vector, "bit_map")) == used
    assert all(leaves.has(leaf) for leaf in read_leaves(leaves.what, raw(vector, "sent")))


@pytest.mark.parametrize("vector", VECTORS["presence"])
def test_x10_presence(vector: dict[str, Any]) -> None:
    device = crypto.sign_keypair(raw(vector, "device_seed"))
    presence = Presence(SpaceId(raw(vector, "space")), device, vector["opening"])
    presence.show(raw(vector, "value"))
    key = ContentKey(GenerationId(raw(vector, "generation")), raw(vector, "key"))
    message = presence.message_due(key, raw(vector, "nonce"), vector["now_ms"])
    assert message is not None
    assert message.number == vector["number"]
    assert message.sealed == raw(vector, "sealed")
    assert message.signature == raw(vector, "signature")
