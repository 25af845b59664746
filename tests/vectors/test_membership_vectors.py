"""The golden bytes of identities, credentials, keys and memberships: the same, and read right."""

import json
from pathlib import Path

import pytest

from kithspace.core import crypto
from kithspace.core.credential import Signed, decode_credential, has_good_signatures
from kithspace.core.fold import Membership
from kithspace.core.generation import open_for_device
from kithspace.core.identity import SignedEntry, decode_entry, is_authentic
from kithspace.core.ids import DeviceKey, SpaceId
from kithspace.errors import CodecError, LimitError, VersionError
from tests.vectors.membership_vectors import FOLDER, build, text_of

FILES = build()
MEMBERSHIPS = sorted((FOLDER / "membership").glob("*.json"))


@pytest.mark.parametrize("name", FILES)
def test_a_file_holds_what_is_built(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == text_of(FILES[name])


def test_no_membership_file_is_left_over() -> None:
    assert {f"membership/{path.name}" for path in MEMBERSHIPS} <= set(FILES)


@pytest.mark.parametrize("path", MEMBERSHIPS, ids=lambda path: path.stem)
def test_a_membership_is_read_from_its_file(path: Path) -> None:
    wanted = json.loads(path.read_text())
    signed = [
        Signed(bytes.fromhex(one["bytes"]), bytes.fromhex(one["sig"]))
        for one in wanted["credentials"]
    ]
    membership, _ = Membership.found(signed[0]).add(reversed(signed))
    members = [[who.hex(), role.text] for who, role in sorted(membership.members.items())]
    assert members == wanted["members"]
    for one in wanted["credentials"]:
        known = {c.id.hex(): c.counts for c in membership.credentials()}
        assert (one["id"] in known, known.get(one["id"], False)) == (
            one["admissible"],
            one["counts"],
        )
    for who, devices in wanted["devices"]:
        identity = next(i for i in membership.members if i.hex() == who)
        assert [device.sign.hex() for device in membership.devices(identity)] == devices


def test_entries_and_credentials_are_read_and_authentic() -> None:
    entries = json.loads((FOLDER / "identity.json").read_text())["entries"]
    for one in entries:
        sigs = tuple(bytes.fromhex(sig) for sig in one["sigs"])
        entry = decode_entry(SignedEntry(bytes.fromhex(one["bytes"]), sigs))
        assert entry.id.hex() == one["id"]
        assert is_authentic(entry)
    for one in json.loads((FOLDER / "credentials.json").read_text())["credentials"]:
        c = decode_credential(Signed(bytes.fromhex(one["bytes"]), bytes.fromhex(one["sig"])))
        assert (c.id.hex(), c.kind) == (one["id"], one["kind"])
        assert has_good_signatures(c)


ERRORS = {"encoding": CodecError, "limit": LimitError, "version": VersionError}
REFUSED = json.loads((FOLDER / "refused_credentials.json").read_text())["refused"]


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one["title"])
def test_a_broken_credential_is_refused(one: dict[str, str]) -> None:
    with pytest.raises(CodecError) as caught:
        decode_credential(Signed(bytes.fromhex(one["bytes"]), bytes(64)))
    assert type(caught.value) is ERRORS[one["why"]]


def test_keys_open_from_the_file() -> None:
    file = json.loads((FOLDER / "keys.json").read_text())
    made = file["generations"]["made"]
    space = SpaceId(bytes.fromhex(file["generations"]["space"]))
    device = DeviceKey(bytes.fromhex(file["generations"]["founder_device"]))
    agree = crypto.agree_keypair(bytes.fromhex(file["generations"]["agree_secret_of_founder"]))
    for one in made:
        body = decode_credential(Signed(*map(bytes.fromhex, one["credential"]))).body
        recipients = [DeviceKey(bytes.fromhex(key)) for key in one["recipients"]]
        chunk = bytes.fromhex(one["chunks"][0]["bytes"])
        keys = open_for_device(body, recipients, chunk, device, agree, space)  # type: ignore[arg-type]
        assert keys.content == bytes.fromhex(one["gen_key"])
        assert keys.access == bytes.fromhex(one["access_key"])


def test_a_sealed_key_opens_from_the_file() -> None:
    one = json.loads((FOLDER / "keys.json").read_text())["sealed_key"]
    agree = crypto.agree_keypair(bytes.fromhex(one["agree_secret"]))
    assert crypto.box_open(agree, bytes.fromhex(one["sealed"])).hex() == one["text"]
