"""Which vault is meant, and what is it put together from? The only place that wires adapters.

Rules (experience.md section 2, "Where the vault is"): no path and no name: `KITH_VAULT`, else the
vault of `kith init`, else one made under the login name. A name selects or makes the vault of that
name. A path is used as given; `:memory:` has no folder, no key and no registry entry.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import sys
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from kithspace.adapters.disk import DiskFolder, Settings
from kithspace.adapters.keychain import native_keychain
from kithspace.adapters.memory_store import MemoryFolder
from kithspace.adapters.registry import Registry
from kithspace.adapters.system import SystemClock, system_entropy
from kithspace.adapters.websocket import WebSockets
from kithspace.core.naming import check_name, shown_name
from kithspace.errors import FieldValue
from kithspace.protocol.words import WordList
from kithspace.runtime.mesh import Mesh
from kithspace.runtime.vault import Setup, Vault

if TYPE_CHECKING:
    from kithspace.ports import VaultFolder
    from kithspace.runtime.exchange import InviterExchange, JoinerExchange, VaultExchange

MEMORY: Final = ":memory:"
VAULT_VARIABLE: Final = "KITH_VAULT"
_DEFAULT_FILE: Final = "default"
_LONGEST_FOLDER: Final = 100


class Place(NamedTuple):
    """Where a vault is. `folder` is None in memory; `name` is for a new one, and for errors."""

    folder: Path | None
    name: str


def vaults_folder() -> Path:
    """The folder of this user's vaults."""
    import platformdirs  # noqa: PLC0415 - used by those who give no path

    return platformdirs.user_data_path("kithspace", appauthor=False) / "vaults"


def find_place(path: str | Path | None, name: str | None) -> Place:
    """Decide which vault is meant; nothing is made."""
    if name is not None:
        check_name("The name of a vault", name)
    if path is None and name is None:
        path, name = read_vault_word(os.environ.get(VAULT_VARIABLE))
    if path is not None:
        if not str(path):
            raise FieldValue.of_name("The path of a vault", is_blank=True)
        if str(path) == MEMORY:
            return Place(None, name or login_name())
        folder = Path(path).expanduser().absolute()
        return Place(folder, name or shown_name(folder.name))
    if name is None:
        default = vaults_folder() / _DEFAULT_FILE
        name = default.read_text("utf-8") if default.is_file() else login_name()
    return Place(vaults_folder() / _folder_name(name), name)


def make_default(name: str) -> None:
    """Let `open_vault()` without a name mean this vault from now on."""
    vaults_folder().mkdir(parents=True, exist_ok=True)
    (vaults_folder() / _DEFAULT_FILE).write_text(name, "utf-8")


def login_name() -> str:
    """The name of whoever runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no entry for this user, as in a container
        return "me"


def open_backend(place: Place, *, passphrase: str | None, network: bool) -> Vault:
    """Open a vault, or make it.

    Raises:
        VaultInUse: Another process has it.
        VaultLocked: No or a wrong passphrase, keychain shut, or others can read the folder.
        VaultDamaged: A part cannot be read.
        TooNew: A newer version wrote it.
        DiskFull: There is no room.
    """
    clock = SystemClock()
    registry = Registry(system_entropy)
    is_online = network and place.folder is not None

    def make_mesh(vault: VaultExchange, inviter: InviterExchange, joiner: JoinerExchange) -> Mesh:
        return Mesh(vault, inviter, joiner, WebSockets(), registry, clock, system_entropy)

    setup = Setup(
        folder=_open_folder(place, passphrase),
        name=place.name,
        device_name=_device_name(),
        app=app_name(),
        clock=clock,
        entropy=system_entropy,
        words=word_list(),
        mesh=make_mesh if is_online else None,
        disk=lambda: _disk_of(place),
        nameplates=lambda: {plate for node in registry.find() for plate in node.nameplates},
    )
    return Vault(setup)


def _disk_of(place: Place) -> tuple[int, int]:
    """Bytes used, and in all, of the disk that a vault is on."""
    if place.folder is None:
        return 0, 0
    usage = shutil.disk_usage(place.folder)
    return usage.used, usage.total


def _open_folder(place: Place, passphrase: str | None) -> VaultFolder:
    if place.folder is None:
        return MemoryFolder(system_entropy)
    place.folder.parent.mkdir(parents=True, exist_ok=True)
    settings = Settings(
        vault=place.name,
        program=app_name(),
        entropy=system_entropy,
        passphrase=passphrase,
        keychain=native_keychain(),
    )
    return DiskFolder(place.folder, settings)


def app_name() -> str:
    """Who acts: the stem of the main program, `kith` for the command line."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None) or sys.argv[0]
    return Path(file).stem[:128] or "python"


@cache
def word_list() -> WordList:
    """The words of codes: the BIP39 English list (J1)."""
    from mnemonic import Mnemonic  # noqa: PLC0415 - reads a file

    return WordList(Mnemonic("english").wordlist)


def read_vault_word(word: str | None) -> tuple[str | None, str | None]:
    """Read a word that names a vault: return it as a path, or as a name; nothing for None."""
    if word is None:
        return None, None
    is_path = word == MEMORY or os.sep in word or Path(word).is_dir()
    return (word, None) if is_path else (None, word)


def _folder_name(name: str) -> str:
    """A folder's name from a vault's, the same on every system (D12)."""
    folder = re.sub(r"[^a-z0-9_-]", lambda letter: f"%{ord(letter[0]):x}", name.casefold())
    if len(folder) <= _LONGEST_FOLDER:
        return folder
    digest = blake2b(folder.encode(), digest_size=8).hexdigest()
    return f"{folder[:_LONGEST_FOLDER]}~{digest}"


def _device_name() -> str:
    import platform  # noqa: PLC0415 - only for a new vault

    return platform.node().partition(".")[0] or "this computer"
