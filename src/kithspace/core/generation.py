"""How is a key generation made, opened and checked?

A generation is one content key of a space. Its credential holds commitments; the keys themselves
travel sealed, in chunks of 256 recipients that are named by their hashes.

Rules (security.md 6):
    K1  Body: n, commitments, recipients' digest, chunk hashes, wraps of older keys, reason.
    K2  gen_key = 32 random bytes; access_key = KDF(gen_key, ks1/access, space). Members' devices
        get gen_key, keepers' devices access_key. Each is sealed alone: `[1, space, n, key]`.
    K3  Commitment = MAC(ks1/gencommit, key, space || u32 n || "content" or "access"). A key that
        does not fit is refused; the device asks another member.
    K4  prev_wrap, under KDF(gen_key, ks1/wrap, space), holds the keys of the generation heads of
        its past; each opens its own wrap, in a chain. prev_access likewise, under access_key.
    K6  When a new generation is due (`due_reason`); K5, which one to use, is in `fold.keys`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from kithspace.core import crypto
from kithspace.core.codec import decode, encode
from kithspace.core.credential_body import KeyGeneration
from kithspace.core.fold.admission import k2_recipients
from kithspace.core.fold.keys import Generation
from kithspace.core.fold.membership import LiveDevice, Membership
from kithspace.core.identity import Entropy
from kithspace.core.ids import DeviceKey, GenerationId, SpaceId
from kithspace.core.record import check_ascending, take_array, take_bytes, take_list
from kithspace.core.roles import Role
from kithspace.errors import CodecError, KeyMismatch

RECIPIENTS_PER_CHUNK: Final = 256
VERSION: Final = 1
DAY_MS: Final = 86_400_000
_KEY: Final = crypto.KEY_BYTES
_GENERATION: Final = 16
_SEALED_TEXT_BYTES: Final = 128
_WRAP_BYTES: Final = 4_096
_MAX_HEADS: Final = 64


class MadeGeneration(NamedTuple):
    """A new generation: the body to sign, what travels beside it, and its key."""

    body: KeyGeneration
    chunks: tuple[bytes, ...]
    gen_key: bytes


class Keys(NamedTuple):
    """What is known of one generation; a blind keeper has no content key."""

    content: bytes | None
    access: bytes | None


# ---------------------------------------------------------------- making


def make_generation(
    membership: Membership, keys: Mapping[GenerationId, Keys], reason: str, entropy: Entropy
) -> MadeGeneration:
    """Make a generation for the devices that are live now (K1, K2, K4).

    Args:
        membership: The space's; sign the body on top of its heads, before anything is added.
        keys: The keys that are here, for `prev_wrap` and `prev_access`.
        reason: One of `credential_body.GENERATION_REASONS`.
        entropy: Draws the key, two nonces, and 32 bytes for each recipient.
    """
    space, n = membership.space, membership.next_n
    gen_key = entropy(_KEY)
    access = access_key(gen_key, space)
    recipients = membership.all_live_devices()
    chunks = seal_to_devices(recipients, space, n, gen_key, entropy)
    heads = [keys.get(g.id) for g in membership.generation_heads]
    ids = [g.id for g in membership.generation_heads]
    contents = [(i, k.content) for i, k in zip(ids, heads, strict=True) if k and k.content]
    accesses = [(i, k.access) for i, k in zip(ids, heads, strict=True) if k and k.access]
    body = KeyGeneration(
        n,
        commitment(gen_key, space, n, "content"),
        commitment(access, space, n, "access"),
        k2_recipients([live.device.sign for live in recipients]),
        tuple(chunk_hash(chunk) for chunk in chunks),
        _wrap(gen_key, space, n, contents, entropy),
        _wrap(access, space, n, accesses, entropy),
        reason,
    )
    return MadeGeneration(body, chunks, gen_key)


def seal_to_devices(
    recipients: Sequence[LiveDevice], space: SpaceId, n: int, gen_key: bytes, entropy: Entropy
) -> tuple[bytes, ...]:
    """K2: the key chunks: keepers' devices get the access key, all others the content key."""
    access = access_key(gen_key, space)
    sealed = [
        seal_key(
            live.device.agree,
            space,
            n,
            access if live.role is Role.KEEPER else gen_key,
            entropy,
        )
        for live in recipients
    ]
    step = RECIPIENTS_PER_CHUNK
    return tuple(b"".join(sealed[i : i + step]) for i in range(0, len(sealed), step))


def seal_key(agree: bytes, space: SpaceId, n: int, key: bytes, entropy: Entropy) -> bytes:
    """K2: one key for one device's agreement key; also the answer to a key-request."""
    return crypto.box_seal(agree, encode([VERSION, space, n, key]), entropy(crypto.SEED_BYTES))


# ---------------------------------------------------------------- keys and commitments


def access_key(gen_key: bytes, space: SpaceId) -> bytes:
    """K2: the key by which members, and keepers, find each other."""
    return crypto.derive(gen_key, "ks1/access", space)


def commitment(key: bytes, space: SpaceId, n: int, what: str) -> bytes:
    """K3: `what` is "content" or "access"."""
    return crypto.mac("ks1/gencommit", key, space + n.to_bytes(4, "big") + what.encode())


def k3_check(body: KeyGeneration, space: SpaceId, key: bytes) -> Keys:
    """K3: return what a key is, by its commitments.

    Raises:
        KeyMismatch: It fits neither.
    """
    if crypto.same(commitment(key, space, body.n, "content"), body.content):
        access = access_key(key, space)
        if not crypto.same(commitment(access, space, body.n, "access"), body.access):
            raise KeyMismatch("a generation's two commitments belong to different keys")
        return Keys(key, access)
    if crypto.same(commitment(key, space, body.n, "access"), body.access):
        return Keys(None, key)
    raise KeyMismatch("a key does not fit its generation's commitment")


# ---------------------------------------------------------------- opening


def chunk_hash(chunk: bytes) -> bytes:
    """The name of a key chunk."""
    return crypto.hash_of("ks1/chunk", chunk)


def open_sealed_key(
    body: KeyGeneration, space: SpaceId, agree: crypto.KeyPair, sealed: bytes
) -> Keys:
    """K2, K3: open what was sealed for this device, and check it.

    Raises:
        KeyMismatch: It does not open, is of another generation, or breaks the commitment.
    """
    try:
        fields = take_array(decode(crypto.box_open(agree, sealed), _SEALED_TEXT_BYTES), 4)
        key = take_bytes(fields[3], _KEY)
    except CodecError as error:
        raise KeyMismatch("what was sealed is not a key") from error
    if fields[:3] != (VERSION, space, body.n):
        raise KeyMismatch("a sealed key is of another space or generation")
    return k3_check(body, space, key)


def chunk_of(
    body: KeyGeneration, recipients: Sequence[DeviceKey], device: DeviceKey
) -> bytes | None:
    """The hash of the one chunk that a device needs; None: nothing was sealed to it.

    Args:
        body: The generation.
        recipients: The sorted devices of the fold of its past (`Membership.recipients`).
        device: This device.
    """
    if device not in recipients:
        return None
    part = recipients.index(device) // RECIPIENTS_PER_CHUNK
    return body.chunks[part] if part < len(body.chunks) else None


def open_for_device(
    body: KeyGeneration,
    recipients: Sequence[DeviceKey],
    chunk: bytes,
    device: DeviceKey,
    agree: crypto.KeyPair,
    space: SpaceId,
) -> Keys:
    """K2: open this device's key in its chunk.

    Raises:
        KeyMismatch: The chunk is not the named one, or the key in it is not good.
    """
    named = chunk_of(body, recipients, device)
    if named is None or chunk_hash(chunk) != named:
        raise KeyMismatch("a key chunk is not the one that its generation names")
    place = recipients.index(device)
    first = place - place % RECIPIENTS_PER_CHUNK
    count = min(RECIPIENTS_PER_CHUNK, len(recipients) - first)
    size, rest = divmod(len(chunk), count)
    if rest:
        raise KeyMismatch("a key chunk has parts of unequal length")
    start = (place - first) * size
    return open_sealed_key(body, space, agree, chunk[start : start + size])


def open_chain(
    generations: Sequence[Generation], space: SpaceId, known: Mapping[GenerationId, Keys]
) -> dict[GenerationId, Keys]:
    """K4: what else the known keys open, wrap by wrap; damaged wraps open nothing.

    Args:
        generations: All generations of the space, in any order.
        space: The space.
        known: Keys that are here.

    Returns:
        Keys that were not known before, each checked against its commitment.
    """
    bodies = {g.id: g.body for g in generations}
    found: dict[GenerationId, Keys] = {}
    todo = [g for g in known if g in bodies]
    while todo:
        holder = todo.pop()
        keys = found.get(holder) or known[holder]
        for inner, key in _unwrap_all(bodies[holder], space, keys):
            body = bodies.get(inner)
            have = found.get(inner) or known.get(inner)
            if body is None or (have and (have.content or keys.content is None)):
                continue
            opened = _checked(body, space, key)
            if opened:
                found[inner] = opened
                todo.append(inner)
    return found


def due_reason(
    membership: Membership, keys: Mapping[GenerationId, Keys], now_ms: int
) -> str | None:
    """K5, K6: why a new generation has to be made before the next write; None: none is due."""
    if not membership.generations:
        return "first"
    chosen = membership.choose_generation([g for g, k in keys.items() if k.content])
    if chosen is None:
        return "removal"
    body_time = next(g.time_ms for g in membership.generations if g.id == chosen)
    days = membership.settings["rotate_days"]
    return "age" if isinstance(days, int) and now_ms - body_time > days * DAY_MS else None


# ---------------------------------------------------------------- wraps


def _wrap(
    key: bytes,
    space: SpaceId,
    n: int,
    inner: Sequence[tuple[GenerationId, bytes]],
    entropy: Entropy,
) -> bytes | None:
    if not inner:
        return None
    nonce = entropy(crypto.NONCE_BYTES)
    text = encode(sorted(inner))
    return nonce + crypto.seal(_wrap_key(key, space), nonce, text, encode([space, n]))


def _unwrap_all(
    body: KeyGeneration, space: SpaceId, keys: Keys
) -> list[tuple[GenerationId, bytes]]:
    if keys.content is not None and body.prev_wrap is not None:
        return _unwrap(body.prev_wrap, keys.content, space, body.n)
    if keys.access is not None and body.prev_access is not None:
        return _unwrap(body.prev_access, keys.access, space, body.n)
    return []


def _unwrap(wrap: bytes, key: bytes, space: SpaceId, n: int) -> list[tuple[GenerationId, bytes]]:
    nonce, sealed = wrap[: crypto.NONCE_BYTES], wrap[crypto.NONCE_BYTES :]
    try:
        text = crypto.open_sealed(_wrap_key(key, space), nonce, sealed, encode([space, n]))
        pairs = [take_array(pair, 2) for pair in take_list(decode(text, _WRAP_BYTES), _MAX_HEADS)]
        found = [(GenerationId(take_bytes(i, _GENERATION)), take_bytes(k, _KEY)) for i, k in pairs]
        check_ascending([i for i, _ in found])
    except (KeyMismatch, CodecError):
        return []
    return found


def _wrap_key(key: bytes, space: SpaceId) -> bytes:
    return crypto.derive(key, "ks1/wrap", space)


def _checked(body: KeyGeneration, space: SpaceId, key: bytes) -> Keys | None:
    try:
        return k3_check(body, space, key)
    except KeyMismatch:
        return None
