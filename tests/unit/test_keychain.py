"""S2: secrets go to a native keychain only, and a shut one gives nothing."""

from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from kithspace.adapters.keychain import OsKeychain, native_keychain


class DictBackend(KeyringBackend):
    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.secrets: dict[tuple[str, str], str] = {}
        self.is_shut = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_shut:
            raise KeyringLocked
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_shut:
            raise KeyringLocked
        self.secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.secrets.pop((service, username), None) is None:
            raise PasswordDeleteError


class SystemBackend(DictBackend):
    """Named as the ones of the operating system are."""


SystemBackend.__module__ = "keyring.backends.SecretService"


@pytest.fixture(autouse=True)
def keep_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    yield
    keyring.set_keyring(before)


def test_secrets_are_kept_replaced_and_forgotten() -> None:
    backend = DictBackend()
    keychain = OsKeychain(backend)
    assert keychain.get("vault") is None
    keychain.set("vault", bytes(range(32)))
    keychain.set("vault", b"\x00\xff")
    assert keychain.get("vault") == b"\x00\xff"
    assert backend.secrets == {("kithspace", "vault"): "00ff"}
    keychain.delete("vault")
    keychain.delete("vault")
    assert keychain.get("vault") is None


def test_a_shut_keychain_gives_nothing_and_takes_nothing() -> None:
    backend = DictBackend()
    keychain = OsKeychain(backend)
    keychain.set("vault", b"secret")
    backend.is_shut = True
    assert keychain.get("vault") is None
    with pytest.raises(PermissionError):
        keychain.set("vault", b"other")


def test_what_others_wrote_there_is_no_secret() -> None:
    backend = DictBackend()
    backend.secrets["kithspace", "vault"] = "not hex"
    assert OsKeychain(backend).get("vault") is None


def test_s2_a_backend_that_is_not_native_is_refused() -> None:
    keyring.set_keyring(DictBackend())
    assert native_keychain() is None


def test_s2_a_native_backend_is_taken_also_out_of_a_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = SystemBackend()
    keyring.set_keyring(system)
    keychain = native_keychain()
    assert keychain is not None
    keychain.set("vault", b"1")
    assert system.secrets
    chain = ChainerBackend()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(ChainerBackend, "backends", [DictBackend(), system])
    keyring.set_keyring(chain)
    again = native_keychain()
    assert again is not None
    assert again.get("vault") == b"1"
