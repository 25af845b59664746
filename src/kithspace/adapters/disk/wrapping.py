"""How is the vault key kept, and who can unwrap it?

Rules:
    S1  The vault key is 32 random bytes.
    S2  It is wrapped by the keychain; or by a passphrase (Argon2id: parameters are stored, floors
        enforced), or by both; or, where neither is to be had, it lies in a key file outside the
        folder, which is shown as "not protected".
    Protocol section 8: `vault.json` is clear: format, vault id, how the key is wrapped; nothing
        else.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from kithspace.core import crypto
from kithspace.core.ids import to_text
from kithspace.errors import KeyMismatch, TooNew, VaultDamaged, VaultLocked
from kithspace.ports import Entropy, Keychain

VAULT_FILE: Final = "vault.json"
FORMAT: Final = 1
Protection = Literal["keychain", "passphrase", "file"]
_ID_BYTES: Final = 16
_SALT_BYTES: Final = 16
_MIB: Final = 1_024 * 1_024
_CHECK: Final = b"vault.json"
_LEAST: Final = (3, 64 * _MIB)
_GREATEST: Final = (64, 4_096 * _MIB)


class Stretching(msgspec.Struct, frozen=True):
    """How hard a passphrase is to guess: Argon2id's passes, and its memory in bytes."""

    passes: int = 3
    memory_bytes: int = 256 * _MIB

    @property
    def is_allowed(self) -> bool:
        """Between the floors of S2, and what cannot be meant to harm."""
        return (
            _LEAST[0] <= self.passes <= _GREATEST[0]
            and _LEAST[1] <= self.memory_bytes <= _GREATEST[1]
        )


class ByKeychain(msgspec.Struct, frozen=True, tag_field="how", tag="keychain"):
    """The key lies in the operating system's keychain."""


class ByFile(msgspec.Struct, frozen=True, tag_field="how", tag="file"):
    """The key lies in a file outside the folder."""


class ByPassphrase(msgspec.Struct, frozen=True, tag_field="how", tag="passphrase"):
    """The key lies here, sealed under what a passphrase is stretched to."""

    stretching: Stretching
    salt: bytes
    sealed: bytes
    """Nonce and ciphertext."""


Wrap: TypeAlias = ByKeychain | ByFile | ByPassphrase


class VaultFile(msgspec.Struct, frozen=True):
    """What stands in `vault.json`. `check` tells a wrong key from a damaged database."""

    format: int
    vault: bytes
    check: bytes
    keys: tuple[Wrap, ...]


class _Format(msgspec.Struct):
    format: int


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the opener has to offer.

    Attributes:
        passphrase: As typed.
        keychain: The operating system's, if there is a native one.
        key_folder: Where key files lie, outside the vault.
    """

    passphrase: str | None
    keychain: Keychain | None
    key_folder: Path


def make_vault_file(
    name: str, secrets: Secrets, entropy: Entropy, stretching: Stretching
) -> VaultFile:
    """Make a vault key and keep it by the best way there is; return what `vault.json` holds.

    Raises:
        VaultLocked: The keychain does not take it.
    """
    key, vault = entropy(crypto.KEY_BYTES), entropy(_ID_BYTES)
    wrap: Wrap
    if secrets.passphrase is not None:
        wrap = _wrap(key, vault, secrets.passphrase, entropy, stretching)
    elif secrets.keychain is not None:
        set_secret(secrets.keychain, to_text(vault), key, name)
        wrap = ByKeychain()
    else:
        _write_key_file(secrets.key_folder, vault, key)
        wrap = ByFile()
    return VaultFile(FORMAT, vault, _check(key), (wrap,))


def set_secret(keychain: Keychain, secret_name: str, secret: bytes, vault: str) -> None:
    """Keep a secret in the keychain.

    Raises:
        VaultLocked: The keychain is shut.
    """
    try:
        keychain.set(secret_name, secret)
    except PermissionError as error:
        raise VaultLocked.of(vault) from error


def write_vault_file(folder: Path, content: VaultFile) -> None:
    """Write `vault.json` whole or not at all."""
    write_whole(folder / VAULT_FILE, msgspec.json.format(msgspec.json.encode(content), indent=1))


def read_vault_file(folder: Path, vault: str) -> VaultFile:
    """Read `vault.json`.

    Raises:
        TooNew: Its format is newer than this program knows.
        VaultDamaged: It is not what was written.
    """
    text = (folder / VAULT_FILE).read_bytes()
    try:
        found = msgspec.json.decode(text, type=_Format).format
        if found > FORMAT:
            raise TooNew.of(vault, "of a later date", f"made for vaults of format {FORMAT}")
        return msgspec.json.decode(text, type=VaultFile)
    except msgspec.DecodeError as error:
        raise VaultDamaged.file(vault, VAULT_FILE) from error


def unwrap(content: VaultFile, vault: str, secrets: Secrets) -> tuple[bytes, Protection]:
    """Return the vault key, and what protects it.

    Raises:
        VaultLocked: Nothing offered opens it.
        VaultDamaged: The passphrase's parameters are outside what is allowed.
    """
    is_wrong = False
    for wrap in content.keys:
        key: bytes | None = None
        protection: Protection
        match wrap:
            case ByKeychain():
                protection = "keychain"
                if secrets.keychain is not None:
                    key = secrets.keychain.get(to_text(content.vault))
            case ByFile():
                protection = "file"
                key = _read_key_file(secrets.key_folder, content.vault, vault)
            case ByPassphrase():
                protection = "passphrase"
                key = _open_wrap(wrap, content.vault, vault, secrets.passphrase)
                is_wrong = key is None and secrets.passphrase is not None
        if key is not None and crypto.same(_check(key), content.check):
            return key, protection
        if is_wrong:
            break
    raise VaultLocked.of(vault, is_wrong=is_wrong)


def _check(key: bytes) -> bytes:
    return crypto.derive(key, "ks1/vault", _CHECK)


# ---------------------------------------------------------------- passphrase


def _wrap(
    key: bytes, vault: bytes, passphrase: str, entropy: Entropy, stretching: Stretching
) -> ByPassphrase:
    if not stretching.is_allowed:
        raise ValueError("too weak: at least 3 passes over 64 MiB")
    salt, nonce = entropy(_SALT_BYTES), entropy(crypto.NONCE_BYTES)
    outer = _stretch(passphrase, salt, stretching)
    return ByPassphrase(stretching, salt, nonce + crypto.seal(outer, nonce, key, vault))


def _open_wrap(wrap: ByPassphrase, vault: bytes, name: str, passphrase: str | None) -> bytes | None:
    if not wrap.stretching.is_allowed or len(wrap.salt) != _SALT_BYTES:
        raise VaultDamaged.file(name, VAULT_FILE)
    if passphrase is None:
        return None
    outer = _stretch(passphrase, wrap.salt, wrap.stretching)
    nonce, sealed = wrap.sealed[: crypto.NONCE_BYTES], wrap.sealed[crypto.NONCE_BYTES :]
    try:
        return crypto.open_sealed(outer, nonce, sealed, vault)
    except KeyMismatch:
        return None


def _stretch(passphrase: str, salt: bytes, stretching: Stretching) -> bytes:
    return crypto.stretch(passphrase.encode(), salt, stretching.passes, stretching.memory_bytes)


# ---------------------------------------------------------------- key file


def _key_path(folder: Path, vault: bytes) -> Path:
    return folder / f"{to_text(vault)}.key"


def _write_key_file(folder: Path, vault: bytes, key: bytes) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(_key_path(folder, vault), key.hex().encode())


def _read_key_file(folder: Path, vault: bytes, name: str) -> bytes:
    path = _key_path(folder, vault)
    try:
        return bytes.fromhex(path.read_text().strip())
    except (OSError, ValueError) as error:
        raise VaultLocked.keyless(name, str(path)) from error


def write_whole(path: Path, content: bytes, *, is_synced: bool = True) -> None:
    """Write a file of 0600 so that after a crash it is the old one or the new one."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
        if is_synced:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
