"""How does a program come to a vault?"""

from __future__ import annotations

import atexit
import weakref
from typing import TYPE_CHECKING, Final

from kithspace.api.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path

_OPEN: Final[weakref.WeakSet[Vault]] = weakref.WeakSet()


def open_vault(
    path: str | Path | None = None,
    *,
    name: str | None = None,
    passphrase: str | None = None,
    network: bool = True,
) -> Vault:
    """Open a vault, or make it.

    Args:
        path: A folder; `":memory:"` for a vault that is gone when it is closed. None: the vault of
            `name`; without a name that of `KITH_VAULT`, else that of `kith init`.
        name: The vault of that person; for a new one, how others see the person.
        passphrase: Where there is no keychain.
        network: False: nothing leaves this computer, and nothing comes.

    Raises:
        VaultInUse: Another process has it open.
        VaultLocked: No or a wrong passphrase, or the keychain is shut.
        VaultDamaged: A part cannot be read; nothing was changed.
        TooNew: A newer version wrote it; nothing was changed.
    """
    # What opens a vault is heavy; a program that only declares types never needs it.
    from kithspace.adapters.system import system_entropy  # noqa: PLC0415
    from kithspace.api.opening import app_name, find_place, open_backend  # noqa: PLC0415

    backend = open_backend(find_place(path, name), passphrase=passphrase, network=network)
    vault = Vault(backend, app_name(), system_entropy)
    if not _OPEN:
        atexit.register(_close_all)
    _OPEN.add(vault)
    return vault


def _close_all() -> None:
    """At exit: up to 2 s to send what is unsent."""
    for vault in list(_OPEN):
        vault.close()
