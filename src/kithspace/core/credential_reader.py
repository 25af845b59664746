"""How is a credential's body read from outside, strictly?

Rules (security.md 2.3, 2.4, protocol.md A1):
    2.4  A cut holds at most 700 heads, 64 for one feed; uses 1-1,000; lists are bounded.
    A1   Lists are sorted, without duplicates; roles and reasons are the texts of the table.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final

from kithspace.core.codec import Value, encode
from kithspace.core.credential_body import (
    GENERATION_REASONS,
    REMOVE_REASONS,
    AcceptHeld,
    Admit,
    Body,
    Cancel,
    Checkpoint,
    Cosign,
    Cut,
    Genesis,
    Head,
    IdentityUpdate,
    Invite,
    KeyGeneration,
    Lower,
    Purge,
    Raise,
    Remove,
    Settings,
)
from kithspace.core.identity import MAX_DEVICES, MAX_ENTRIES, SignedEntry
from kithspace.core.ids import (
    GENERATION_ID_BYTES,
    ID_BYTES,
    OBJECT_ID_BYTES,
    BlockId,
    CredentialId,
    DeviceKey,
    GenerationId,
    IdentityId,
    ObjectId,
)
from kithspace.core.record import (
    check_ascending,
    take_array,
    take_blob,
    take_bytes,
    take_choice,
    take_ids,
    take_int,
    take_list,
)
from kithspace.core.roles import ADMIT_BY, Role, parse_role
from kithspace.core.stamp import MAX_MS
from kithspace.errors import CodecError, LimitError

KEY: Final = 32
SIG: Final = 64
NONCE: Final = 16
HASH: Final = 32
MAX_SEQ: Final = 2**32 - 1
MAX_HEADS: Final = 16
MAX_CUT_HEADS: Final = 700
MAX_HEADS_OF_FEED: Final = 64
MAX_USES: Final = 1_000
MAX_CHUNKS: Final = 512
MAX_PURGED: Final = 1_024
MAX_WRAP_BYTES: Final = 4_096
MAX_SEALED_KEYS: Final = 256
LONG: Final = 2**53 - 1

SETTING_TEXTS: Final = {
    "history": ("all", "from-join"),
    "who_invites": ("admins",),
    "messages": ("writers",),
}
SETTING_NUMBERS: Final = {
    "min_age_days": (1, 36_500),
    "extra_signers": (0, 1_000),
    "max_bytes": (0, LONG),
    "keep_days": (0, 36_500),
    "rotate_days": (1, 36_500),
}


def read_body(kind: str, value: Value) -> Body:
    """Read the body of a known kind.

    Raises:
        CodecError: Its shape is not that of its kind.
        LimitError: A list is longer than its limit.
    """
    return _READERS[kind](value)


# ---------------------------------------------------------------- readers


def _read_entries(value: Value) -> tuple[SignedEntry, ...]:
    entries = []
    for item in take_list(value, MAX_ENTRIES):
        raw, sigs = take_array(item, 2)
        if type(raw) is not bytes:
            raise CodecError("an identity entry is carried as bytes")
        entries.append(SignedEntry(raw, tuple(take_bytes(s, SIG) for s in take_list(sigs, 2))))
    return tuple(entries)


def _read_cut(value: Value) -> Cut:
    heads = []
    for item in take_list(value, MAX_CUT_HEADS):
        feed, seq, head = take_array(item, 3)
        heads.append(
            Head(
                take_bytes(feed, ID_BYTES),
                take_int(seq, 0, MAX_SEQ),
                BlockId(take_bytes(head, ID_BYTES)),
            )
        )
    check_ascending(heads)
    if heads and max(Counter(head.feed for head in heads).values()) > MAX_HEADS_OF_FEED:
        raise LimitError(f"more than {MAX_HEADS_OF_FEED} heads of one feed in a cut")
    return tuple(heads)


def _read_setting(value: Value) -> tuple[str, int | str]:
    key, setting = take_array(value, 2)
    if isinstance(key, str) and key in SETTING_TEXTS:
        return key, take_choice(setting, SETTING_TEXTS[key])
    if isinstance(key, str) and key in SETTING_NUMBERS:
        return key, take_int(setting, *SETTING_NUMBERS[key])
    raise CodecError("a setting that does not exist")


def _read_settings_list(value: Value) -> tuple[tuple[str, int | str], ...]:
    settings = tuple(_read_setting(item) for item in take_list(value, 16))
    check_ascending([encode(key) for key, _ in settings])
    return settings


def _read_genesis(value: Value) -> Genesis:
    entries, settings, nonce = take_array(value, 3)
    return Genesis(_read_entries(entries), _read_settings_list(settings), take_bytes(nonce, NONCE))


def _read_invite(value: Value) -> Invite:
    public, sealed, role, uses, expires, admit_by = take_array(value, 6)
    return Invite(
        take_bytes(public, KEY),
        None if sealed is None else take_blob(sealed, MAX_SEALED_KEYS),
        parse_role(role),
        take_int(uses, 1, MAX_USES),
        take_int(expires, 0, MAX_MS - 1),
        take_choice(admit_by, ADMIT_BY),
    )


def _read_cancel(value: Value) -> Cancel:
    (invite,) = take_array(value, 1)
    return Cancel(CredentialId(take_bytes(invite, ID_BYTES)))


def _read_admit(value: Value) -> Admit:
    identity, entries, role, invite, claim = take_array(value, 5)
    if (invite is None) is not (claim is None):
        raise CodecError("an admit by invite holds its invite and its claim")
    return Admit(
        IdentityId(take_bytes(identity, ID_BYTES)),
        _read_entries(entries),
        parse_role(role),
        None if invite is None else CredentialId(take_bytes(invite, ID_BYTES)),
        None if claim is None else take_bytes(claim, SIG),
    )


def _read_raise(value: Value) -> Raise:
    identity, role = take_array(value, 2)
    return Raise(IdentityId(take_bytes(identity, ID_BYTES)), parse_role(role))


def _read_lower(value: Value) -> Lower:
    identity, text, cut = take_array(value, 3)
    role = parse_role(text)
    if (cut is not None) is not (role < Role.WRITER):
        raise CodecError("a lowering below writer holds a cut, another one none")
    return Lower(
        IdentityId(take_bytes(identity, ID_BYTES)), role, None if cut is None else _read_cut(cut)
    )


def _read_remove(value: Value) -> Remove:
    identity, device, cut, reason = take_array(value, 4)
    return Remove(
        IdentityId(take_bytes(identity, ID_BYTES)),
        None if device is None else DeviceKey(take_bytes(device, KEY)),
        _read_cut(cut),
        take_choice(reason, REMOVE_REASONS),
    )


def _read_update(value: Value) -> IdentityUpdate:
    entries, cuts = take_array(value, 2)
    found = []
    for item in take_list(cuts, MAX_DEVICES):
        device, cut = take_array(item, 2)
        found.append((DeviceKey(take_bytes(device, KEY)), _read_cut(cut)))
    check_ascending([device for device, _ in found])
    return IdentityUpdate(_read_entries(entries), tuple(found))


def _read_accept(value: Value) -> AcceptHeld:
    (heads,) = take_array(value, 1)
    return AcceptHeld(_read_cut(heads))


def _read_generation(value: Value) -> KeyGeneration:
    n, content, access, recipients, chunks, wrap, prev_access, reason = take_array(value, 8)
    return KeyGeneration(
        take_int(n, 0, MAX_SEQ),
        take_bytes(content, HASH),
        take_bytes(access, HASH),
        take_bytes(recipients, HASH),
        tuple(take_bytes(chunk, ID_BYTES) for chunk in take_list(chunks, MAX_CHUNKS)),
        None if wrap is None else take_blob(wrap, MAX_WRAP_BYTES),
        None if prev_access is None else take_blob(prev_access, MAX_WRAP_BYTES),
        take_choice(reason, GENERATION_REASONS),
    )


def _read_settings(value: Value) -> Settings:
    (changed,) = take_array(value, 1)
    return Settings(_read_settings_list(changed))


def _read_checkpoint(value: Value) -> Checkpoint:
    heads, sealed, feeds, state, manifest, size, generation = take_array(value, 7)
    return Checkpoint(
        _credential_ids(heads),
        None if sealed is None else _credential_ids(sealed),
        take_bytes(feeds, HASH),
        take_bytes(state, HASH),
        take_bytes(manifest, ID_BYTES),
        take_int(size, 0, LONG),
        GenerationId(take_bytes(generation, GENERATION_ID_BYTES)),
    )


def _credential_ids(value: Value) -> tuple[CredentialId, ...]:
    return tuple(CredentialId(item) for item in take_ids(value, ID_BYTES, MAX_HEADS))


def _read_cosign(value: Value) -> Cosign:
    (checkpoint,) = take_array(value, 1)
    return Cosign(CredentialId(take_bytes(checkpoint, ID_BYTES)))


def _read_purge(value: Value) -> Purge:
    objects, blocks = take_array(value, 2)
    return Purge(
        tuple(ObjectId(item) for item in take_ids(objects, OBJECT_ID_BYTES, MAX_PURGED)),
        tuple(BlockId(item) for item in take_ids(blocks, ID_BYTES, MAX_PURGED)),
    )


_READERS: Final[dict[str, Callable[[Value], Body]]] = {
    "genesis": _read_genesis,
    "invite": _read_invite,
    "cancel": _read_cancel,
    "admit": _read_admit,
    "raise": _read_raise,
    "lower": _read_lower,
    "remove": _read_remove,
    "identity-update": _read_update,
    "accept-held": _read_accept,
    "key-generation": _read_generation,
    "settings": _read_settings,
    "checkpoint": _read_checkpoint,
    "cosign": _read_cosign,
    "purge": _read_purge,
}
KINDS: Final = frozenset(_READERS)
