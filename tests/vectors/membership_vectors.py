"""Makes the golden bytes of identities, credentials, keys and memberships.

`python -m tests.vectors.membership_vectors` writes them; a test compares them with what is there.
Bytes stand as hex. A changed vector is a changed format: it needs a record in docs/adr.
"""

import json
from pathlib import Path
from typing import Final, TypeAlias, get_args

from kithspace.core import crypto
from kithspace.core.codec import Value, decode, encode
from kithspace.core.credential import (
    AcceptHeld,
    Admit,
    Body,
    Cancel,
    Checkpoint,
    Cosign,
    Head,
    IdentityUpdate,
    Invite,
    KeyGeneration,
    Lower,
    Purge,
    Raise,
    Remove,
    Settings,
    Signed,
    claim_text,
    decode_credential,
    make_claim,
    sign_credential,
)
from kithspace.core.envelope import content_key
from kithspace.core.fold import Membership, generation_id
from kithspace.core.fold.admission import k2_recipients
from kithspace.core.generation import (
    Keys,
    access_key,
    chunk_hash,
    commitment,
    make_generation,
    seal_key,
)
from kithspace.core.identity import (
    AddDevice,
    Profile,
    SetRecovery,
    SignedEntry,
    decode_entry,
)
from kithspace.core.identity_log import EntryLog, fold_entries, i3_rank, standing_of
from kithspace.core.ids import BlockId, CredentialId, DeviceKey, FeedId, GenerationId, ObjectId
from kithspace.core.roles import Role
from tests.people import START_MS, Drawn, Hands, Person, Stage, id_of, link_keys
from tests.scenarios import A as FOUNDER
from tests.scenarios import Scenario, begin, scenarios
from tests.vectors import signature_vectors

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

FOLDER: Final = Path(__file__).parents[2] / "vectors"
A: Final = Person("A", has_phrase=True)
B: Final = Person("B")
LAPTOP, TABLET, NEW = Hands.of("laptop"), Hands.of("tablet"), Hands.of("new")


def build() -> dict[str, Json]:
    """Return every file by its path below `vectors/`."""
    files: dict[str, Json] = {
        "identity.json": identity_file(),
        "credentials.json": credentials_file(),
        "refused_credentials.json": refused_file(),
        "keys.json": keys_file(),
        "signatures.json": signatures_file(),
    }
    for scenario in scenarios():
        files[f"membership/{scenario.slug}.json"] = membership_file(scenario)
    return files


def text_of(content: Json) -> str:
    """Return a file's text."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def write() -> None:
    """Write all files."""
    for name, content in build().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text_of(content), encoding="utf-8")


# ---------------------------------------------------------------- identity


def identity_file() -> Json:
    """Each kind of entry, and what some logs say."""
    phrase = _phrase()
    add = A.add(LAPTOP)
    tablet = A.entry(
        AddDevice(TABLET.device, ("keeper", "ephemeral")), LAPTOP.sign, TABLET.sign, after=[add]
    )
    guardians = tuple(sorted(Hands.of(f"guardian {n}").key for n in range(3)))
    recovery = SetRecovery(crypto.sign_keypair(Drawn("next phrase")(32)).public, guardians, 2)
    base = [A.genesis, add, tablet]
    entries = [
        *base,
        B.genesis,
        A.drop(LAPTOP, after=[tablet]),
        A.rotate(A.hands, NEW, [tablet]),
        A.entry(recovery, phrase, after=[tablet]),
        A.entry(Profile(bytes(32)), A.hands.sign, after=[add, tablet]),
    ]
    logs = {
        "two devices remove each other": [
            *base,
            A.drop(LAPTOP, after=[tablet]),
            A.drop(A.hands, LAPTOP.sign, [tablet]),
        ],
        "the phrase against the oldest device": [
            *base,
            A.drop(A.hands, phrase, [tablet]),
            A.drop(LAPTOP, after=[tablet]),
            A.add(NEW, after=[tablet]),
        ],
        "a removed device backdates an addition": [
            *base,
            A.drop(LAPTOP, after=[tablet]),
            A.add(NEW, LAPTOP.sign, [tablet]),
        ],
        "a rotated device keeps its place": [*base, A.rotate(A.hands, NEW, [tablet])],
    }
    return {
        "about": "Identity entries (security.md 3). Signatures in the order of its table.",
        "entries": [_entry(one) for one in entries],
        "logs": [_log(title, log) for title, log in logs.items()],
    }


def _entry(signed: SignedEntry) -> Json:
    entry = decode_entry(signed)
    return {
        "bytes": signed.raw.hex(),
        "sigs": list[Json](sig.hex() for sig in signed.sigs),
        "id": entry.id.hex(),
        "identity": entry.identity.hex(),
        "fields": _readable(decode(signed.raw, 4_096)),
    }


def _log(title: str, signed: list[SignedEntry]) -> Json:
    log = EntryLog.empty().with_entries([decode_entry(one) for one in signed])
    assert log is not None
    kept = fold_entries(log, frozenset(log.entries))
    live = list(standing_of(log, kept).live)
    return {
        "title": title,
        "entries": list[Json](
            [one.raw.hex(), list[Json](sig.hex() for sig in one.sigs)] for one in signed
        ),
        "counting": list[Json](sorted(one.hex() for one in kept)),
        "live": list[Json](key.hex() for key in live),
        "ranks": [i3_rank(log, log.entries, key) for key in live],
    }


# ---------------------------------------------------------------- credentials


def credentials_file() -> Json:
    """One of each kind, and a claim."""
    s, base, c = begin()
    link = s.invite(B, "writer", c, uses=5)
    signed = [base[0], *(s.act(A, body, c) for body in _bodies(s, c, link))]
    return {
        "about": "Credentials (security.md 4.1): one of each kind; id is over bytes alone.",
        "credentials": [_credential(one) for one in signed],
        "claim": {
            "seed": Drawn("link link")(32).hex(),
            "public": link_keys("link").public.hex(),
            "text": claim_text(s.space, id_of(link), B.id, B.genesis).hex(),
            "sig": make_claim(link_keys("link"), s.space, id_of(link), B.genesis).hex(),
        },
    }


def _bodies(s: Stage, c: Signed, link: Signed) -> list[Body]:
    one, other = Head(bytes([1]) * 32, 7, BlockId(bytes([2]) * 32)), bytes([3]) * 32
    cut = (one, Head(bytes([1]) * 32, 300, BlockId(other)))
    add = A.add(LAPTOP)
    drop = A.drop(LAPTOP, after=[add])
    digest = bytes([4]) * 32
    claim = make_claim(link_keys("link"), s.space, id_of(link), B.genesis)
    return [
        Invite(link_keys("link").public, None, Role.WRITER, 5, START_MS, "members"),
        Invite(link_keys("link").public, bytes(120), Role.READER, 1_000, START_MS, "keepers"),
        Cancel(id_of(link)),
        Admit(B.id, (B.genesis,), Role.KEEPER),
        Admit(B.id, (B.genesis,), Role.WRITER, id_of(link), claim),
        Raise(B.id, Role.ADMIN),
        Lower(B.id, Role.WRITER),
        Lower(B.id, Role.READER, cut),
        Remove(B.id, None, cut, "removed"),
        Remove(B.id, B.hands.key, (), "stolen"),
        IdentityUpdate(()),
        IdentityUpdate((add, drop), ((LAPTOP.key, cut),)),
        AcceptHeld(cut),
        KeyGeneration(1, digest, digest, digest, (digest,), None, None, "first"),
        KeyGeneration(2, digest, digest, digest, (digest, other), bytes(9), bytes(8), "removal"),
        Settings((("history", "all"), ("rotate_days", 30))),
        Settings(()),
        Checkpoint((id_of(c),), None, digest, digest, digest, 70_000, GenerationId(bytes(16))),
        Cosign(CredentialId(digest)),
        Purge((ObjectId(bytes(16)),), (BlockId(digest),)),
    ]


def _credential(signed: Signed) -> Json:
    c = decode_credential(signed)
    return {
        "kind": c.kind,
        "bytes": signed.raw.hex(),
        "sig": signed.sig.hex(),
        "id": c.id.hex(),
        "fields": _readable(decode(signed.raw, 65_536)),
    }


def refused_file() -> Json:
    """Bytes that no reader takes, and why."""
    s, base, c = begin()
    good = decode(s.remove(A, B, c).raw, 65_536)
    assert isinstance(good, tuple)
    generation = decode(s.act(A, _bodies(s, c, c)[13], c).raw, 65_536)
    assert isinstance(generation, tuple)
    many = [[bytes(32), n, bytes(32)] for n in range(65)]
    broken: dict[str, tuple[str, bytes]] = {
        "a field too many": ("encoding", encode([*good, None])),
        "a field too few": ("encoding", encode(good[:-1])),
        "trailing byte": ("encoding", encode(good) + b"\0"),
        "indefinite length": ("encoding", b"\x9f" + encode(good)[1:] + b"\xff"),
        "long form of an integer": ("encoding", b"\x88\x18\x01" + encode(good)[2:]),
        "a map": ("encoding", encode([*good[:-1], {}])),
        "a float": ("encoding", encode([*good[:6], 1.5, good[7]])),
        "an unknown version": ("version", encode([2, *good[1:]])),
        "an unknown kind": ("version", encode([*good[:2], "later", *good[3:]])),
        "no parents": ("encoding", encode([*good[:3], [], *good[4:]])),
        "the same parent twice": ("encoding", encode([*good[:3], [id_of(c)] * 2, *good[4:]])),
        "parents out of order": (
            "encoding",
            encode([*good[:3], sorted([id_of(c), id_of(base[0])], reverse=True), *good[4:]]),
        ),
        "seventeen parents": (
            "limit",
            encode([*good[:3], [bytes([n]) * 32 for n in range(17)], *good[4:]]),
        ),
        "a reason that does not exist": ("encoding", encode([*good[:-1], [B.id, None, [], "no"]])),
        "a cut out of order": (
            "encoding",
            encode([*good[:-1], [B.id, None, [[bytes(32), 2, bytes(32)]] * 2, "removed"]]),
        ),
        "65 heads of one feed": (
            "limit",
            encode([*good[:-1], [B.id, None, many, "left"]]),
        ),
        "a negative number": ("encoding", encode([*generation[:-1], [-1, *_tail(generation)]])),
        "true for one": ("encoding", encode([*generation[:-1], [True, *_tail(generation)]])),
    }
    return {
        "about": "Credentials to refuse: encoding (E_ENCODING), limit (E_LIMIT), version (aside).",
        "refused": [
            {"title": title, "why": why, "bytes": raw.hex()} for title, (why, raw) in broken.items()
        ],
    }


def _tail(fields: tuple[Value, ...]) -> tuple[Value, ...]:
    body = fields[-1]
    assert isinstance(body, tuple)
    return body[1:]


# ---------------------------------------------------------------- keys


def keys_file() -> Json:
    """Labels, derivations, commitments, seals and wraps."""
    draw = Drawn("key vectors")
    key, message = draw(32), b"kithspace"
    pair, agree = crypto.sign_keypair(draw(32)), crypto.agree_keypair(draw(32))
    labels: list[crypto.Label] = list(get_args(crypto.Label))
    _, base, _ = begin()
    space = id_of(base[0])
    membership = Membership.found(base[0]).add(base[1:])[0]
    seed, nonce = draw(32), draw(24)
    three = [DeviceKey(bytes([n] * 32)) for n in range(3)]
    return {
        "about": "Hashes, derivations and seals (security.md 2.2, 2.5, 6).",
        "key": key.hex(),
        "message": message.hex(),
        "sign": {"seed": Drawn("key vectors")(64)[32:].hex(), "public": pair.public.hex()},
        "labels": [
            {
                "label": label,
                "hash": crypto.hash_of(label, message).hex(),
                "mac": crypto.mac(label, key, message).hex(),
                "sig": crypto.sign(pair.secret, label, message).hex(),
            }
            for label in sorted(labels)
        ],
        "plain_hash": crypto.hash_plain(message).hex(),
        "generation": {
            "space": space.hex(),
            "gen_key": key.hex(),
            "n": 7,
            "access_key": access_key(key, membership.space).hex(),
            "content_commitment": commitment(key, membership.space, 7, "content").hex(),
            "access_commitment": commitment(
                access_key(key, membership.space), membership.space, 7, "access"
            ).hex(),
            "feed": bytes(range(32)).hex(),
            "content_key": content_key(key, FeedId(bytes(range(32)))).hex(),
            "recipients": [device.hex() for device in three],
            "recipients_digest": k2_recipients(
                [DeviceKey(bytes([n] * 32)) for n in range(3)]
            ).hex(),
        },
        "seal": {
            "key": key.hex(),
            "nonce": nonce.hex(),
            "aad": b"aad".hex(),
            "plaintext": message.hex(),
            "sealed": crypto.seal(key, nonce, message, b"aad").hex(),
        },
        "sealed_key": {
            "agree_secret": agree.secret.hex(),
            "agree_public": agree.public.hex(),
            "seed": seed.hex(),
            "text": encode([1, space, 7, key]).hex(),
            "sealed": seal_key(agree.public, membership.space, 7, key, lambda _: seed).hex(),
        },
        "generations": _generations(membership),
    }


def _generations(membership: Membership) -> Json:
    """Two generations of a space with three devices, the second wrapping the first."""
    founder = FOUNDER
    stage, keys, found = Stage(founder), dict[GenerationId, Keys](), list[Json]()
    for number in range(2):
        recipients = [live.device.sign.hex() for live in membership.all_live_devices()]
        made = make_generation(membership, keys, "wish", Drawn(f"generation {number}"))
        signed = sign_credential(
            membership.space,
            membership.heads,
            founder.id,
            founder.hands.sign,
            stage.clock + number,
            made.body,
        )
        membership, _ = membership.add([signed])
        access = access_key(made.gen_key, membership.space)
        keys[generation_id(id_of(signed))] = Keys(made.gen_key, access)
        found.append(
            {
                "credential": [signed.raw.hex(), signed.sig.hex()],
                "id": generation_id(id_of(signed)).hex(),
                "gen_key": made.gen_key.hex(),
                "access_key": access.hex(),
                "recipients": list[Json](recipients),
                "chunks": [
                    {"id": chunk_hash(chunk).hex(), "bytes": chunk.hex()} for chunk in made.chunks
                ],
            }
        )
    return {
        "space": membership.space.hex(),
        "agree_secret_of_founder": founder.hands.agree.secret.hex(),
        "founder_device": founder.hands.key.hex(),
        "made": found,
    }


def signatures_file() -> Json:
    """Signatures at the edge of what verifiers agree on."""
    return {
        "about": "Accepted is what libsodium accepts (security.md 2.1), on every platform.",
        "label": signature_vectors.LABEL,
        "message": signature_vectors.MESSAGE.hex(),
        "cases": [
            {
                "title": case.title,
                "public": case.public.hex(),
                "sig": case.sig.hex(),
                "accept": case.accept,
            }
            for case in signature_vectors.cases()
        ],
    }


# ---------------------------------------------------------------- memberships


def membership_file(scenario: Scenario) -> Json:
    """A scenario: what is signed, what is let in, what counts, and who is a member."""
    membership, _ = Membership.found(scenario.credentials[0]).add(scenario.credentials)
    return {
        "title": scenario.title,
        "space": membership.space.hex(),
        "credentials": [
            {
                "bytes": signed.raw.hex(),
                "sig": signed.sig.hex(),
                "id": id_of(signed).hex(),
                "kind": decode_credential(signed).kind,
                "admissible": id_of(signed) in membership,
                "counts": membership.counts(id_of(signed)),
            }
            for signed in scenario.credentials
        ],
        "members": [[who.hex(), role.text] for who, role in sorted(scenario.members.items())],
        "devices": [
            [who.hex(), [device.sign.hex() for device in membership.devices(who)]]
            for who in sorted(membership.members)
        ],
    }


def _phrase() -> crypto.KeyPair:
    assert A.phrase is not None
    return A.phrase


def _readable(value: Value) -> Json:
    """Bytes become {"hex": …}; the rest is JSON already."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, tuple):
        return [_readable(item) for item in value]
    assert not isinstance(value, float)
    return value


if __name__ == "__main__":
    write()
