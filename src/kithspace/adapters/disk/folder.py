"""What is in a vault's folder, and who may open it? The port `VaultFolder` on a disk.

Rules:
    S1  A key of its own for each file: `KDF(vault key, ks1/vault, file name)`.
    S3  The folder is 0700, its files are 0600; anything wider is refused, with what mends it.
    Section 7 of security.md: instance id and opening counter are compared with a copy outside the
        folder. Where they differ, the folder was restored or copied: it gets another instance id,
        and so every space's file that was ever written finds itself in doubt (F2).
    Protocol section 8: `vault.json`, `lock`, `vault.db`, `spaces/RANDOM.db`.
"""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import apsw
import platformdirs

from kithspace.adapters.disk.database import PAGE_BYTES, Database, fail
from kithspace.adapters.disk.formats import VAULT
from kithspace.adapters.disk.lock import FolderLock, boot_id
from kithspace.adapters.disk.store import Session, SqliteStore
from kithspace.adapters.disk.wrapping import (
    VAULT_FILE,
    Protection,
    Secrets,
    Stretching,
    VaultFile,
    make_vault_file,
    read_vault_file,
    set_secret,
    unwrap,
    write_vault_file,
    write_whole,
)
from kithspace.core import crypto
from kithspace.core.ids import to_text
from kithspace.errors import VaultDamaged, VaultLocked
from kithspace.ports import Entropy, Keychain, Opening

PASSPHRASE_VARIABLE: Final = "KITH_PASSPHRASE_FILE"  # noqa: S105 - a name
_VAULT_DB: Final = "vault.db"
_SPACES: Final = "spaces"
_INSTANCE_BYTES: Final = 16
_COUNTER_BYTES: Final = 8
_NAME_BYTES: Final = 10
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PUT: Final = "replace into {} values (?, ?)"


def _config_folder() -> Path:
    return platformdirs.user_config_path("kithspace", appauthor=False) / "keys"


def _state_folder() -> Path:
    return platformdirs.user_state_path("kithspace", appauthor=False) / "openings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a folder is opened.

    Attributes:
        vault: The vault's name, for errors.
        program: What this program is called, for who comes second.
        entropy: Random bytes.
        passphrase: If none: the content of the file that KITH_PASSPHRASE_FILE names, if set.
        keychain: The operating system's, if there is a native one.
        is_durable: Sync at every commit.
        stretching: For a new vault's passphrase.
        keys: Where key files lie; none: in the user's configuration folder.
        openings: Where the copy of the opening counter lies; none: in the user's state folder.
        boot: The boot id; none: the system's.
    """

    vault: str
    program: str
    entropy: Entropy
    passphrase: str | None = None
    keychain: Keychain | None = None
    is_durable: bool = False
    stretching: Stretching = field(default_factory=Stretching)
    keys: Path | None = None
    openings: Path | None = None
    boot: bytes | None = None


class DiskFolder:
    """An open vault folder; made if there is none.

    Raises:
        VaultInUse: Another process has it.
        VaultLocked: No or a wrong passphrase, keychain shut, or others can read the folder.
        VaultDamaged: A part cannot be read.
        TooNew: A newer version wrote it.
        DiskFull: There is no room to make or open it.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self._settings = settings
        boot = boot_id() if settings.boot is None else settings.boot
        self._lock: FolderLock | None = None
        try:
            _make_folder(path)
            self._lock = FolderLock(path, vault=settings.vault, program=settings.program, boot=boot)
            self._open(boot)
        except BaseException as error:
            if self._lock is not None:
                self._lock.release()
            if isinstance(error, OSError):
                fail(error, error.errno, settings.vault, path)
            raise

    def _open(self, boot: bytes) -> None:
        settings = self._settings
        _check_rights(self.path, settings.vault)
        secrets = Secrets(
            _passphrase(settings), settings.keychain, settings.keys or _config_folder()
        )
        content, self._key, self.protection = self._unwrap(secrets)
        (self.path / _SPACES).mkdir(mode=0o700, exist_ok=True)
        if not (self.path / _VAULT_DB).exists() and self.space_files():
            raise VaultDamaged.file(settings.vault, _VAULT_DB)
        self._database = Database(
            self.path / _VAULT_DB,
            crypto.derive(self._key, "ks1/vault", _VAULT_DB.encode()),
            vault=settings.vault,
            migrations=VAULT,
            is_durable=True,
        )
        try:
            self._opening = self._count_opening(content.vault)
        except BaseException:
            self._database.close()
            raise
        self._session = Session(self._opening.instance, boot)

    def _unwrap(self, secrets: Secrets) -> tuple[VaultFile, bytes, Protection]:
        settings = self._settings
        if not (self.path / VAULT_FILE).exists():
            if (self.path / _VAULT_DB).exists():
                raise VaultDamaged.file(settings.vault, VAULT_FILE)
            made = make_vault_file(settings.vault, secrets, settings.entropy, settings.stretching)
            write_vault_file(self.path, made)
        content = read_vault_file(self.path, settings.vault)
        return content, *unwrap(content, settings.vault, secrets)

    @property
    def is_protected(self) -> bool:
        """Whether a thief of the disk finds the key on it; else `kith status` says so."""
        return self.protection != "file"

    # ------------------------------------------------------------ opening

    def _count_opening(self, vault: bytes) -> Opening:
        """Compare with the copy outside, count on, and store both: inside first."""
        outside = self._read_outside(vault)
        inside = self._about("opening")
        is_doubtful = bool(inside) and inside != outside
        instance = inside[:_INSTANCE_BYTES]
        if not inside or is_doubtful:
            instance = self._settings.entropy(_INSTANCE_BYTES)
        counter = 1 + max(_counter(inside), _counter(outside))
        record = instance + counter.to_bytes(_COUNTER_BYTES, "big")
        self._write("about", {"opening": record})
        if not inside:
            self._database.sync()
        self._write_outside(vault, record)
        return Opening(instance, counter, is_doubtful)

    def _read_outside(self, vault: bytes) -> bytes:
        if self.protection == "keychain" and self._settings.keychain is not None:
            return self._settings.keychain.get(_outside_name(vault)) or b""
        path = self._outside_path(vault)
        return path.read_bytes() if path.exists() else b""

    def _write_outside(self, vault: bytes, record: bytes) -> None:
        if self.protection == "keychain" and self._settings.keychain is not None:
            name = _outside_name(vault)
            set_secret(self._settings.keychain, name, record, self._settings.vault)
            return
        path = self._outside_path(vault)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Lost in a power cut, it only makes a doubt that is harmless.
        write_whole(path, record, is_synced=False)

    def _outside_path(self, vault: bytes) -> Path:
        return (self._settings.openings or _state_folder()) / to_text(vault)

    @property
    def opening(self) -> Opening:
        """What was found at opening."""
        return self._opening

    # ------------------------------------------------------------ vault.db

    def _about(self, key: str) -> bytes:
        try:
            rows = self._database.execute(
                "select value from about where key = ?", (key,)
            ).fetchall()
        except apsw.Error as error:
            self._database.fail(error)
        return _blob(rows)

    def read(self, prefix: str) -> dict[str, bytes]:
        """Return the entries of `vault.db` whose key starts so."""
        try:
            rows = self._database.execute(
                "select key, value from entries where substr(key, 1, length(?1)) = ?1 order by key",
                (prefix,),
            ).fetchall()
        except apsw.Error as error:
            self._database.fail(error)
        return {str(key): _blob([(value,)]) for key, value in rows}

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write entries in one transaction; None deletes."""
        self._write("entries", changes)

    def _write(self, table: str, changes: Mapping[str, bytes | None]) -> None:
        execute = self._database.execute
        try:
            execute("begin immediate")
            for key, value in changes.items():
                if value is None:
                    execute("delete from entries where key = ?", (key,))
                else:
                    execute(_PUT.format(table), (key, value))
            execute("commit")
        except apsw.Error as error:
            self._database.take_back()
            self._database.fail(error)

    # ------------------------------------------------------------ spaces

    def space_files(self) -> list[str]:
        """Names of the spaces' files."""
        return sorted(path.name for path in (self.path / _SPACES).glob("*.db"))

    def open_space(self, file: str | None) -> tuple[str, SqliteStore]:
        """Open a space's store; None makes a new file under a random name."""
        settings = self._settings
        if file is None:
            file = f"{to_text(settings.entropy(_NAME_BYTES))}.db"
        elif file not in self.space_files() or self._is_cut_short(file):
            raise VaultDamaged.file(settings.vault, file)
        name = f"{_SPACES}/{file}"
        store = SqliteStore(
            self.path / name,
            crypto.derive(self._key, "ks1/vault", name.encode()),
            vault=settings.vault,
            session=self._session,
            is_durable=settings.is_durable,
        )
        return file, store

    def _is_cut_short(self, file: str) -> bool:
        """SQLite takes a file of next to nothing for a new one, and would begin it anew."""
        return (self.path / _SPACES / file).stat().st_size < PAGE_BYTES

    def delete_space(self, file: str) -> None:
        """Delete a space's file; it is closed."""
        for suffix in ("", "-wal", "-shm"):
            (self.path / _SPACES / f"{file}{suffix}").unlink(missing_ok=True)

    def close(self) -> None:
        """Close `vault.db`, give the lock back; any number of times."""
        self._database.close()
        if self._lock is not None:
            self._lock.release()


def _blob(rows: Sequence[Sequence[object]]) -> bytes:
    value = rows[0][0] if rows else b""
    return value if isinstance(value, bytes) else b""


def _counter(record: bytes) -> int:
    return int.from_bytes(record[_INSTANCE_BYTES:], "big")


def _outside_name(vault: bytes) -> str:
    return f"{to_text(vault)} opening"


def _passphrase(settings: Settings) -> str | None:
    file = os.environ.get(PASSPHRASE_VARIABLE)
    if settings.passphrase is not None or not file:
        return settings.passphrase
    try:
        return Path(file).read_text().rstrip("\r\n")
    except OSError as error:
        raise VaultLocked.keyless(settings.vault, file) from error


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not any(path.iterdir()):
        path.chmod(0o700)


def _check_rights(path: Path, vault: str) -> None:
    """S3: refuse what others on this computer can read."""
    if os.name == "nt":
        return  # a user's folders are closed to others by the system
    found = (path, *path.iterdir(), *path.glob(f"{_SPACES}/*"))
    if any(entry.stat().st_mode & _OTHERS for entry in found):
        raise VaultLocked.exposed(vault, f"chmod -R go= {path}")
