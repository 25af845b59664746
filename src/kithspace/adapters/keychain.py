"""Where does the operating system keep secrets? The port `Keychain` over `keyring`.

Rules:
    S2  Only native backends; one that writes plain text is refused.
"""

from typing import Final

import keyring
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringError

_NATIVE: Final = frozenset({"macOS", "Windows", "SecretService", "libsecret", "kwallet"})
"""Modules of `keyring.backends` that hand secrets to the system."""
SERVICE: Final = "kithspace"


class OsKeychain:
    """The keychain of this user."""

    def __init__(self, backend: KeyringBackend) -> None:
        self._backend = backend

    def get(self, name: str) -> bytes | None:
        """Return the secret of that name; nothing if there is none, or the keychain is shut."""
        try:
            text = self._backend.get_password(SERVICE, name)
            return None if text is None else bytes.fromhex(text)
        except (KeyringError, ValueError):
            return None

    def set(self, name: str, secret: bytes) -> None:
        """Keep a secret, in place of an older one of that name.

        Raises:
            PermissionError: The keychain is shut.
        """
        try:
            self._backend.set_password(SERVICE, name, secret.hex())
        except KeyringError as error:
            raise PermissionError("the keychain is shut") from error

    def delete(self, name: str) -> None:
        """Forget a secret; no error if there is none."""
        try:
            self._backend.delete_password(SERVICE, name)
        except KeyringError:
            return


def native_keychain() -> OsKeychain | None:
    """Return the operating system's keychain, or nothing where there is none."""
    for backend in _candidates(keyring.get_keyring()):
        if _is_native(backend):
            return OsKeychain(backend)
    return None


def _candidates(backend: KeyringBackend) -> list[KeyringBackend]:
    return list(backend.backends) if isinstance(backend, ChainerBackend) else [backend]


def _is_native(backend: KeyringBackend) -> bool:
    home, _, module = type(backend).__module__.rpartition(".")
    return home == "keyring.backends" and module in _NATIVE
