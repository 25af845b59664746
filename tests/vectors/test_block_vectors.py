"""Open records and blocks have the bytes that vectors/blocks.json says."""

import json

import pytest

from kithspace.core.block import is_signed_by, read_header, read_open_record
from kithspace.core.envelope import open_body
from kithspace.core.ids import DeviceKey, SpaceId
from kithspace.core.verify import code_of
from kithspace.errors import CodecError, PayloadError, StampError
from tests.vectors.block_vectors import PATH, make

VECTORS = json.loads(PATH.read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def test_the_vectors_are_what_is_made_now() -> None:
    assert json.loads(json.dumps(make())) == VECTORS


def test_the_open_record_reads() -> None:
    case = VECTORS["open_record"]
    opening = read_open_record(raw(case["record"]), raw(case["sig"]))
    assert opening.id.hex() == case["feed"]
    assert opening.device.hex() == VECTORS["device"]


@pytest.mark.parametrize("place", range(len(VECTORS["blocks"])))
def test_a_block_reads_verifies_and_opens(place: int) -> None:
    case = VECTORS["blocks"][place]
    header = read_header(raw(case["header"]))
    assert (header.kind, header.seq, header.prev.hex()) == (case["kind"], case["seq"], case["prev"])
    device, space = DeviceKey(raw(VECTORS["device"])), SpaceId(raw(VECTORS["space"]))
    assert is_signed_by(device, space, raw(case["header"]), raw(case["sig"]))
    body = open_body(raw(VECTORS["content_key"]), raw(case["payload"]), raw(case["aad"]))
    assert body.hex() == case["body"]


@pytest.mark.parametrize(
    "case", VECTORS["refused_headers"], ids=[case["title"] for case in VECTORS["refused_headers"]]
)
def test_a_refused_header_is_refused_with_its_code(case: dict[str, str]) -> None:
    with pytest.raises((CodecError, StampError)) as caught:
        read_header(raw(case["header"]))
    assert code_of(caught.value)[1] == case["code"]


@pytest.mark.parametrize(
    "case", VECTORS["refused_payloads"], ids=[case["title"] for case in VECTORS["refused_payloads"]]
)
def test_a_refused_payload_is_no_payload(case: dict[str, str]) -> None:
    with pytest.raises(PayloadError):
        open_body(raw(VECTORS["content_key"]), raw(case["payload"]), raw(case["aad"]))
