"""Bytes of blocks: what is sealed opens, what is stored is sent again as it came (2.5, A3, B7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.block import (
    CONTINUED,
    LAST,
    MAX_PAYLOAD_BYTES,
    Dep,
    Header,
    aad_of,
    complete_header,
    encode_aad,
    encode_uint,
    fits,
    kind_of,
    open_record,
    read_header,
    read_open_record,
)
from kithspace.core.codec import decode, encode
from kithspace.core.crypto import seal, sign_keypair, verify
from kithspace.core.effects import PutBlock
from kithspace.core.envelope import (
    CIPHERTEXT,
    OPENED,
    encode_clear,
    open_body,
    padded_length,
    read_clear,
    seal_body,
    sealed_size,
    wire_of,
)
from kithspace.core.ids import CredentialId, FeedId, GenerationId, IdentityId, SpaceId
from kithspace.core.state import prev_of
from kithspace.errors import CodecError, PayloadError, StampError

ids = st.binary(min_size=32, max_size=32)
times = st.integers(0, 2**63 - 1)
deps = st.lists(st.builds(Dep, ids, st.integers(0, 2**32 - 1), ids), max_size=16, unique=True).map(
    lambda found: tuple(sorted(found))
)
nonces = st.binary(min_size=24, max_size=24)
bodies = st.binary(max_size=2_000)
headers = st.builds(
    Header,
    st.sampled_from([LAST, CONTINUED]),
    ids,
    st.integers(1, 2**32 - 1),
    ids,
    deps,
    times,
    st.binary(min_size=16, max_size=16),
    st.just(0),
    st.just(b""),
).filter(lambda header: all(dep.feed != header.feed for dep in header.deps))


def aad_for(header: Header) -> bytes:
    return encode_aad(*header[:7])


def sealed(header: Header, key: bytes, nonce: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Record and payload."""
    payload = seal_body(key, nonce, body, aad_for(header))
    return complete_header(aad_for(header), payload), payload


@given(headers)
def test_header_fields_are_encoded_as_the_codec_does(header: Header) -> None:
    time = [header.time >> 16, header.time & 0xFFFF]
    fields = [1, header.kind, header.feed, header.seq, header.prev, header.deps, time, header.gen]
    assert aad_for(header) == encode(fields)
    clear = [OPENED, header.prev, header.deps, header.kind, header.time, header.gen]
    assert encode_clear(OPENED, header) == encode(clear)
    assert prev_of(encode_clear(OPENED, header)) == header.prev


@given(st.integers(0, 2**64 - 1))
def test_numbers_are_encoded_as_the_codec_does(number: int) -> None:
    assert encode_uint(number) == encode(number)


@given(headers, ids, nonces, bodies)
def test_a_header_reads_back_and_fits_its_payload(
    header: Header, key: bytes, nonce: bytes, body: bytes
) -> None:
    record, payload = sealed(header, key, nonce, body)
    read = read_header(record)
    assert read[:7] == header[:7]
    assert fits(read, payload)
    assert not fits(read, payload[:-1] + bytes([payload[-1] ^ 1]))
    assert aad_of(record, read) == aad_for(header)
    assert kind_of(record) == header.kind
    assert len(payload) == sealed_size(len(body))


@given(headers, ids, nonces, bodies)
def test_a_body_opens_under_its_own_header_alone(
    header: Header, key: bytes, nonce: bytes, body: bytes
) -> None:
    _, payload = sealed(header, key, nonce, body)
    assert open_body(key, payload, aad_for(header)) == body
    other = header._replace(seq=header.seq % (2**32 - 1) + 1)
    with pytest.raises(PayloadError):
        open_body(key, payload, aad_for(other))
    with pytest.raises(PayloadError):
        open_body(bytes([key[0] ^ 1]) + key[1:], payload, aad_for(header))


@given(headers, ids, nonces, bodies, st.booleans())
def test_b7_a_stored_block_is_sent_again_byte_for_byte(
    header: Header, key: bytes, nonce: bytes, body: bytes, is_opened: bool
) -> None:
    record, payload = sealed(header, key, nonce, body)
    form = OPENED if is_opened else CIPHERTEXT
    stored = nonce + body if is_opened else payload
    row = PutBlock(1, header.seq, encode_clear(form, header), None, stored)
    assert wire_of(row, FeedId(header.feed), key if is_opened else None) == (record, payload)
    clear = read_clear(row.clear)
    assert (clear.form, clear.prev, clear.deps, clear.time) == (
        form,
        header.prev,
        header.deps,
        header.time,
    )


def test_b7_an_opened_block_is_not_sent_without_its_key() -> None:
    header = Header(1, FeedId(b"f" * 32), 1, b"p" * 32, (), 1, GenerationId(b"g" * 16), 0, b"")
    row = PutBlock(1, 1, encode_clear(OPENED, header), None, bytes(30))
    with pytest.raises(PayloadError):
        wire_of(row, header.feed, None)


@given(st.integers(0, MAX_PAYLOAD_BYTES))
def test_padding_is_monotone_and_at_most_12_percent(length: int) -> None:
    padded = padded_length(length)
    assert padded >= max(length, 256)
    assert padded_length(length + 1) >= padded
    assert padded_length(padded) == padded
    if length > 256:
        assert padded - length <= length * 0.12


@given(bodies, ids, nonces, st.sampled_from(["longer", "dirty", "short", "length"]))
def test_another_padding_is_no_payload(body: bytes, key: bytes, nonce: bytes, how: str) -> None:
    aad = b"aad"
    length = len(body) + 4
    padded = bytearray(len(body).to_bytes(4, "big") + body)
    padded += bytes(padded_length(length) - length)
    match how:
        case "longer":
            padded += bytes(padded_length(len(padded) + 1) - len(padded))
        case "dirty":
            if len(padded) == length:
                return
            padded[-1] = 1
        case "short":
            padded = padded[:3]
        case _:
            padded[:4] = (2**32 - 1).to_bytes(4, "big")
    with pytest.raises(PayloadError):
        open_body(key, nonce + seal(key, nonce, bytes(padded), aad), aad)


@given(ids, ids, ids, st.binary(min_size=16, max_size=16), times, st.integers(0, 5))
def test_an_open_record_reads_back(
    space: bytes, identity: bytes, auth: bytes, salt: bytes, time: int, reason: int
) -> None:
    device = sign_keypair(bytes(32))
    made = open_record(
        SpaceId(space), IdentityId(identity), device, CredentialId(auth), salt, time, reason
    )
    assert read_open_record(made.record, made.sig) == made
    assert verify(device.public, "ks1/feed", made.record, made.sig)
    assert kind_of(made.record) == 0


@given(headers, st.data())
def test_a_spoilt_header_raises_codec_errors_alone(header: Header, data: st.DataObject) -> None:
    record = bytearray(complete_header(aad_for(header), bytes(296)))
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = read_header(bytes(record))
    except (CodecError, StampError):
        return
    assert complete_header_again(read) == bytes(record)


def complete_header_again(header: Header) -> bytes:
    return encode([*decode(aad_for(header), 2048), header.size, header.hash])  # type: ignore[misc]


@given(st.binary(max_size=300))
def test_random_bytes_raise_codec_errors_alone(garbage: bytes) -> None:
    for read in (read_header, lambda record: read_open_record(record, b"")):
        with pytest.raises((CodecError, StampError)):
            read(garbage)
