"""The Noise channel gives the bytes that others publish and compute."""

import json
from pathlib import Path
from typing import Any

from kithspace.protocol import noise
from kithspace.protocol.noise import Handshake, Side, Transport

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "noise.json").read_text()
)


def shake(
    vector: dict[str, Any], payloads: list[bytes]
) -> tuple[bytes, bytes, Transport, Transport]:
    prologue = bytes.fromhex(vector["init_prologue"])
    dialer = Handshake(Side.DIALER, prologue, bytes.fromhex(vector["init_ephemeral"]))
    listener = Handshake(Side.LISTENER, prologue, bytes.fromhex(vector["resp_ephemeral"]))
    first = dialer.write_first(payloads[0])
    assert listener.read_first(first) == payloads[0]
    second = listener.write_second(first, payloads[1])
    assert dialer.read_second(second) == payloads[1]
    return first, second, dialer.split(), listener.split()


def test_n1_handshake_and_transport_equal_the_cacophony_vectors() -> None:
    vector = VECTORS["noise_nn"]
    payloads = [bytes.fromhex(message["payload"]) for message in vector["messages"]]
    expected = [bytes.fromhex(message["ciphertext"]) for message in vector["messages"]]
    first, second, dialer, listener = shake(vector, payloads)
    sealed = [
        (dialer, listener)[number % 2].seal(payload) for number, payload in enumerate(payloads[2:])
    ]
    assert [first, second, *sealed] == expected
    assert dialer.handshake_hash.hex() == vector["handshake_hash"]
    assert listener.handshake_hash == dialer.handshake_hash


def test_n2_rekey_comes_before_every_65536th_message_and_the_counter_goes_on() -> None:
    vector = VECTORS["rekey"]
    _, _, dialer, listener = shake(
        {
            "init_prologue": vector["prologue"],
            "init_ephemeral": vector["dialer_seed"],
            "resp_ephemeral": vector["listener_seed"],
        },
        [b"", b""],
    )
    assert dialer.handshake_hash.hex() == vector["handshake_hash"]
    expected = {message["number"]: message for message in vector["messages"]}
    for number in range(max(expected) + 1):
        text = f"message {number}".encode()
        sealed = dialer.seal(text)
        assert listener.open(sealed) == text
        if number in expected:
            assert expected[number]["plaintext"] == text.hex()
            assert expected[number]["sealed"] == sealed.hex()


def test_n1_prologue_names_version_and_carrier() -> None:
    assert noise.prologue_of("ws").hex() == VECTORS["rekey"]["prologue"]
