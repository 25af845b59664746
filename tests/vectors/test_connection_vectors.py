"""What nodes say to each other, byte for byte, for whoever writes another implementation."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mnemonic import Mnemonic

from kithspace.core import crypto
from kithspace.core.ids import IdentityId, SpaceId
from kithspace.protocol import messages as m
from kithspace.protocol.joiner import j6_invite_keys
from kithspace.protocol.matching import n3_tag
from kithspace.protocol.noise import Side
from kithspace.protocol.pake import Pake, Role
from kithspace.protocol.proofs import n4_text
from kithspace.protocol.words import (
    Code,
    Link,
    WordList,
    i12_verification_words,
    j1_read_code,
    j4_check_words,
    j6_read_link,
)

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "connection.json").read_text()
)
LIST = WordList(Mnemonic("english").wordlist)


def raw(vector: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(vector[name])


@pytest.mark.parametrize("vector", VECTORS["tags"])
def test_n3_tags(vector: dict[str, Any]) -> None:
    side = Side(vector["side"])
    assert n3_tag(raw(vector, "access_key"), raw(vector, "h"), side) == raw(vector, "tag")


@pytest.mark.parametrize("vector", VECTORS["proofs"])
def test_n4_proofs(vector: dict[str, Any]) -> None:
    keys = crypto.sign_keypair(raw(vector, "device_seed"))
    space, identity = SpaceId(raw(vector, "space")), IdentityId(raw(vector, "identity"))
    text = n4_text(raw(vector, "h"), Side(vector["side"]), space, identity)
    assert text == raw(vector, "text")
    assert keys.public == raw(vector, "device")
    assert crypto.sign(keys.secret, "ks1/hello", text) == raw(vector, "signature")


@pytest.mark.parametrize("vector", VECTORS["pake"])
def test_j2_j3_code_exchange(vector: dict[str, Any]) -> None:
    code, h = j1_read_code(vector["code"], LIST), raw(vector, "h")
    inviter = Pake(Role.INVITER, code.password, h, lambda _: raw(vector, "inviter_random"))
    joiner = Pake(Role.JOINER, code.password, h, lambda _: raw(vector, "joiner_random"))
    inviter.finish(joiner.body)
    joiner.finish(inviter.body)
    assert code.password.decode() == vector["password"]
    assert (inviter.body, joiner.body) == (raw(vector, "inviter"), raw(vector, "joiner"))
    assert joiner.confirmation(Role.JOINER) == raw(vector, "confirm_joiner")
    assert inviter.confirmation(Role.INVITER) == raw(vector, "confirm_inviter")
    assert " ".join(j4_check_words(inviter.check, LIST)) == vector["check_words"]


@pytest.mark.parametrize("vector", VECTORS["links"])
def test_j6_links(vector: dict[str, Any]) -> None:
    link = Link(raw(vector, "seed"), raw(vector, "invite")[:16], tuple(vector["via"]))
    keys = j6_invite_keys(link.seed)
    assert link.text == vector["text"]
    assert j6_read_link(vector["text"]) == link
    assert keys.public == raw(vector, "invite_key")
    knock = crypto.sign(keys.secret, "ks1/knock", raw(vector, "h") + Side.DIALER.byte)
    assert knock == raw(vector, "knock")


@pytest.mark.parametrize("vector", VECTORS["words"])
def test_i12_verification_words(vector: dict[str, Any]) -> None:
    first, second = IdentityId(raw(vector, "first")), IdentityId(raw(vector, "second"))
    assert " ".join(i12_verification_words(first, second, LIST)) == vector["words"]


@pytest.mark.parametrize("vector", VECTORS["codes"])
def test_j1_codes(vector: dict[str, Any]) -> None:
    code = j1_read_code(vector["typed"], LIST)
    assert code == Code(vector["nameplate"], tuple(vector["words"]), vector["address"])


@pytest.mark.parametrize("vector", VECTORS["messages"])
def test_messages(vector: dict[str, Any]) -> None:
    body = raw(vector, "bytes")
    message = m.decode(body, vector["lane"])
    assert message is not None
    assert type(message).__name__ == vector["name"]
    assert m.encode(message) == body
    assert plain(msgspec.structs.astuple(message)) == vector["fields"]


def test_there_is_a_vector_for_every_message() -> None:
    assert {vector["name"] for vector in VECTORS["messages"]} == {kind.__name__ for kind in m.KINDS}


def plain(value: object) -> object:
    """Fields as JSON: bytes as hex behind "x:"."""
    if isinstance(value, bytes):
        return "x:" + value.hex()
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value
