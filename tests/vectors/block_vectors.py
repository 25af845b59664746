"""Makes the golden bytes of open records and blocks.

`python -m tests.vectors.block_vectors` writes them; a test compares them with what is there.
Bytes stand as hex. A changed vector is a changed format: it needs a record in docs/adr.
"""

import json
from pathlib import Path
from typing import Final, TypeAlias

from kithspace.core.block import (
    CONTINUED,
    LAST,
    Dep,
    block_id,
    branch_id,
    complete_header,
    encode_aad,
    open_record,
    sign_block,
)
from kithspace.core.codec import encode
from kithspace.core.crypto import seal, sign_keypair
from kithspace.core.envelope import content_key, padded_length, seal_body
from kithspace.core.ids import CredentialId, FeedId, GenerationId, IdentityId, SpaceId
from kithspace.core.stamp import pack_time
from tests.people import Drawn

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | bool | None"

PATH: Final = Path(__file__).parents[2] / "vectors" / "blocks.json"

DRAW = Drawn("block vectors")
SPACE = SpaceId(DRAW(32))
IDENTITY = IdentityId(DRAW(32))
AUTH = CredentialId(DRAW(32))
DEVICE_SEED = DRAW(32)
DEVICE = sign_keypair(DEVICE_SEED)
GENERATION = GenerationId(DRAW(16))
GENERATION_KEY = DRAW(32)
MS = 1_760_000_000_000


def make() -> Json:
    """All vectors of this file."""
    opened = open_record(SPACE, IDENTITY, DEVICE, AUTH, DRAW_SALT, pack_time(MS, 0), 0)
    feed = opened.id
    first = block(feed, 1, feed, MS, 1, (), LAST, b"\x01")
    deps = tuple(sorted(Dep(bytes([i]) * 32, 7 * i, bytes([255 - i]) * 32) for i in (3, 1, 2)))
    second = block(feed, 2, first["id"], MS + 5, 65_535, deps, CONTINUED, bytes(range(256)) * 3)
    other = block(feed, 2, first["id"], MS + 6, 0, (), LAST, b"another history")
    branches = [branch_id(feed, bytes.fromhex(str(each["id"]))) for each in (second, other)]
    deeper = branch_id(branches[0], bytes(32))
    return {
        "space": SPACE.hex(),
        "identity": IDENTITY.hex(),
        "device_seed": DEVICE_SEED.hex(),
        "device": DEVICE.public.hex(),
        "generation": GENERATION.hex(),
        "generation_key": GENERATION_KEY.hex(),
        "open_record": {
            "auth": AUTH.hex(),
            "salt": DRAW_SALT.hex(),
            "time": [MS, 0],
            "reason": 0,
            "record": opened.record.hex(),
            "sig": opened.sig.hex(),
            "feed": feed.hex(),
        },
        "content_key": content_key(GENERATION_KEY, feed).hex(),
        "blocks": [first, second, other],
        "branches": [
            {"parent": feed.hex(), "first": second["id"], "id": branches[0].hex()},
            {"parent": feed.hex(), "first": other["id"], "id": branches[1].hex()},
            {"parent": branches[0].hex(), "first": bytes(32).hex(), "id": deeper.hex()},
        ],
        "padded_lengths": [[n, padded_length(n)] for n in LENGTHS],
        "refused_headers": refused_headers(feed),
        "refused_payloads": refused_payloads(feed),
    }


DRAW_SALT: Final = DRAW(16)
LENGTHS: Final = [0, 4, 255, 256, 257, 300, 511, 512, 513, 1_000, 4_097, 65_537, 250_000]


def block(
    feed: FeedId,
    seq: int,
    prev: Json | FeedId,
    ms: int,
    counter: int,
    deps: tuple[Dep, ...],
    kind: int,
    body: bytes,
) -> dict[str, Json]:
    """One block: what goes in, and every stage that comes out."""
    before = prev if isinstance(prev, bytes) else bytes.fromhex(str(prev))
    nonce = Drawn(f"nonce {seq} {ms}")(24)
    aad = encode_aad(kind, feed, seq, before, deps, pack_time(ms, counter), GENERATION)
    payload = seal_body(content_key(GENERATION_KEY, feed), nonce, body, aad)
    record = complete_header(aad, payload)
    return {
        "kind": kind,
        "seq": seq,
        "prev": before.hex(),
        "deps": [[dep.feed.hex(), dep.seq, dep.id.hex()] for dep in deps],
        "time": [ms, counter],
        "nonce": nonce.hex(),
        "body": body.hex(),
        "aad": aad.hex(),
        "payload": payload.hex(),
        "header": record.hex(),
        "id": block_id(SPACE, record).hex(),
        "sig": sign_block(SPACE, record, DEVICE).hex(),
    }


def refused_headers(feed: FeedId) -> Json:
    """Headers that nobody takes, and the code of the refusal."""
    good = [1, 1, feed, 1, feed, [], [MS, 0], GENERATION, 296, bytes(32)]
    dep = [bytes(32), 1, bytes(32)]
    bad: list[tuple[str, str, int, object]] = [
        ("another version", "E_VERSION", 0, 2),
        ("reserved kind", "E_VERSION", 1, 2),
        ("true is no version", "E_ENCODING", 0, True),
        ("short feed", "E_ENCODING", 2, feed[:31]),
        ("number 0", "E_ENCODING", 3, 0),
        ("number over 32 bits", "E_ENCODING", 3, 2**32),
        ("deps not sorted", "E_ENCODING", 5, [[b"\1" * 32, 1, bytes(32)], dep]),
        ("a dep twice", "E_ENCODING", 5, [dep, dep]),
        ("a dep of its own feed", "E_ENCODING", 5, [[feed, 1, bytes(32)]]),
        ("17 deps", "E_LIMIT", 5, [[bytes([i]) * 32, 1, bytes(32)] for i in range(17)]),
        ("time over 47 bits", "E_STAMP", 6, [2**47, 0]),
        ("counter over 16 bits", "E_STAMP", 6, [MS, 65_536]),
        ("time is one number", "E_ENCODING", 6, MS),
        ("payload over 256 KiB", "E_LIMIT", 8, 262_145),
        ("payload without a tag", "E_ENCODING", 8, 39),
        ("null for a hash", "E_ENCODING", 9, None),
    ]
    cases: list[Json] = []
    for title, code, place, value in bad:
        record = encode([*good[:place], value, *good[place + 1 :]])
        cases.append({"title": title, "header": record.hex(), "code": code})
    whole = encode(good)
    for title, record in (
        ("a byte too many", whole + b"\0"),
        ("a byte too few", whole[:-1]),
        ("indefinite length", b"\x9f" + whole[1:] + b"\xff"),
        ("not the shortest number", whole[:2] + b"\x18\x01" + whole[3:]),
        ("eleven items", encode([*good, None])),
    ):
        cases.append({"title": title, "header": record.hex(), "code": "E_ENCODING"})
    return cases


def refused_payloads(feed: FeedId) -> Json:
    """Sealed payloads whose padding breaks 2.5: empty but counted."""
    key, nonce, aad = content_key(GENERATION_KEY, feed), bytes(24), b"aad"
    plaintexts = {
        "padded to another length": (1).to_bytes(4, "big") + b"x" + bytes(256),
        "padding not zero": (1).to_bytes(4, "big") + b"x" + bytes(250) + b"\1",
        "not padded": (1).to_bytes(4, "big") + b"x",
        "length beyond the end": (1_000).to_bytes(4, "big") + bytes(252),
        "empty": b"",
    }
    return [
        {
            "title": title,
            "aad": aad.hex(),
            "payload": (nonce + seal(key, nonce, plaintext, aad)).hex(),
        }
        for title, plaintext in plaintexts.items()
    ]


if __name__ == "__main__":
    PATH.write_text(json.dumps(make(), indent=1) + "\n")
