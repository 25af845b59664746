"""Values, positions and payloads have the bytes that vectors/ says, in every implementation."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from kithspace.core.codec import PAYLOAD, decode, encode
from kithspace.core.ids import IdentityId, SpaceId
from kithspace.core.object_id import known_object_id, own_object_id
from kithspace.core.payload import Group, Payload, decode_payload, encode_payload
from kithspace.core.position import a11_positions, key_between
from kithspace.core.projection import project
from kithspace.core.stamp import Stamp, pack_time
from kithspace.core.value import BlobValue, RefValue, from_payload, to_payload
from kithspace.core.write import make_write
from kithspace.errors import PayloadError

FOLDER = Path(__file__).parents[2] / "vectors"


def read(name: str) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return whole


VALUES = read("values.json")
POSITIONS = read("positions.json")
PAYLOADS = read("payload.json")

OWN_FEED = bytes.fromhex(PAYLOADS["own_feed"])
SPACE = SpaceId(bytes.fromhex(PAYLOADS["space"]))
AUTHOR = IdentityId(bytes.fromhex(PAYLOADS["author"]))
STAMP = Stamp(pack_time(*PAYLOADS["stamp"]), OWN_FEED)

PYTHON: list[object] = [
    None,
    True,
    0,
    -1,
    2**64 - 1,
    -(2**64),
    2**64,
    -(2**64) - 1,
    2**70,
    1.0,
    -0.0,
    5e-324,
    "",
    "e\u0301 \U0001f600",
    b"\x00\xff",
    datetime(2026, 5, 3, 12, 30),  # noqa: DTZ001 - naive on purpose
    datetime(2026, 5, 3, 12, 30, 0, 1, tzinfo=UTC),
    datetime(2026, 5, 3, 12, 30, tzinfo=ZoneInfo("Europe/Paris")),
    date(2026, 5, 3),
    time(12, 30, 0, 5),
    timedelta(days=-1, microseconds=1),
    timedelta.max,
    Decimal("1.50"),
    Decimal("-1E+10"),
    UUID("12345678-1234-5678-1234-567812345678"),
    RefValue(b"\x11" * 16),  # type: ignore[arg-type]
    RefValue(b"\x11" * 16, b"\x22" * 32),  # type: ignore[arg-type]
    BlobValue(b"\x33" * 32, b"\x44" * 32, 5, "text/plain"),
]


@pytest.mark.parametrize(
    ("vector", "value"),
    list(zip(VALUES["scalars"], PYTHON, strict=True)),
    ids=[vector["description"] for vector in VALUES["scalars"]],
)
def test_scalars(vector: dict[str, Any], value: object) -> None:
    form = to_payload(value, "field")
    assert encode(form).hex() == vector["hex"]
    assert repr(from_payload(decode(bytes.fromhex(vector["hex"]), 2**16, PAYLOAD))) == repr(value)
    assert project(form) == vector["projection"]


def payload_with(value: bytes) -> bytes:
    """A payload whose only write sets a field to these bytes."""
    head = encode((1, ("kith", None), None, (), ("field",)))
    group = encode((0, bytes(16), 1))
    # An array of six, then one group of four, then one write of two.
    return b"\x86" + head[1:] + b"\x81\x84" + group[1:] + b"\x81\x82" + encode(0) + value


def decoded(body: bytes) -> Payload:
    return decode_payload(body, OWN_FEED, SPACE, AUTHOR, STAMP)


@pytest.mark.parametrize("vector", VALUES["containers"], ids=lambda vector: vector["description"])
def test_containers(vector: dict[str, Any]) -> None:
    value = bytes.fromhex(vector["hex"])
    (group,) = decoded(payload_with(value)).groups
    assert encode(group.writes[0].value) == value


@pytest.mark.parametrize("vector", VALUES["refused"], ids=lambda vector: vector["description"])
def test_v14_refused_values(vector: dict[str, Any]) -> None:
    with pytest.raises(PayloadError):
        decoded(payload_with(bytes.fromhex(vector["hex"])))


def test_l2_keys_are_those_of_fractional_indexing() -> None:
    for low, high, key in POSITIONS["keys"]:
        assert key_between(low, high) == key


@pytest.mark.parametrize("run", POSITIONS["runs"])
def test_a11_runs(run: dict[str, Any]) -> None:
    seed = bytes.fromhex(run["seed"])
    assert a11_positions(run["low"], run["high"], seed, run["count"]) == run["positions"]


@pytest.mark.parametrize("vector", PAYLOADS["payloads"], ids=lambda vector: vector["description"])
def test_payloads(vector: dict[str, Any]) -> None:
    body = bytes.fromhex(vector["hex"])
    assert encode_payload(decoded(body), OWN_FEED) == body


def test_a8_e3_object_ids() -> None:
    own, known = PAYLOADS["own_object"], PAYLOADS["known_object"]
    assert own_object_id(SPACE, AUTHOR, bytes.fromhex(own["salt"])).hex() == own["id"]
    assert known_object_id(SPACE, known["type"], known["key"].encode()).hex() == known["id"]


def test_a_payload_says_what_it_was_made_from() -> None:
    label = decoded(bytes.fromhex(PAYLOADS["payloads"][1]["hex"]))
    root = make_write((), (24, "task", ("title", "Milk", "tags", (17, ("dairy",)), "priority", 2)))
    group = Group(0, bytes(range(16)), 1, (root,))  # type: ignore[arg-type]
    assert label == Payload("todo", None, "First", (), (group,))
