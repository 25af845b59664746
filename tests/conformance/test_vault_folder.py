# ruff: noqa: S106 - passphrases of tests
"""The vault's folder: who may open it, what it remembers, and when it is in doubt."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kithspace.adapters.disk import DiskFolder, Settings, Stretching
from kithspace.adapters.memory_store import MemoryFolder
from kithspace.core.effects import PutAbout
from kithspace.errors import TooNew, VaultDamaged, VaultInUse, VaultLocked
from kithspace.testing import store_rows as some

if TYPE_CHECKING:
    from kithspace.ports import VaultFolder

FLOOR = Stretching(passes=3, memory_bytes=64 * 1024 * 1024)


class Keyring:
    """A keychain that is open."""

    def __init__(self) -> None:
        self.secrets: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        return self.secrets.get(name)

    def set(self, name: str, secret: bytes) -> None:
        self.secrets[name] = secret

    def delete(self, name: str) -> None:
        self.secrets.pop(name, None)


def open_folder(home: Path, **changes: Any) -> DiskFolder:
    settings: dict[str, Any] = {
        "vault": "Ana",
        "program": "a test",
        "entropy": os.urandom,
        "keys": home / "keys",
        "openings": home / "openings",
        "boot": b"boot",
        "stretching": FLOOR,
    }
    return DiskFolder(home / "vault", Settings(**settings | changes))


def write_space(home: Path, **changes: Any) -> str:
    """Make a vault with one written space, as a process that was killed leaves it."""
    folder = open_folder(home, **changes)
    file, store = folder.open_space(None)
    store.commit(some.EVERYTHING)
    store.close(clean=False)
    folder.close()
    return file


def is_in_doubt(home: Path, file: str, **changes: Any) -> bool:
    folder = open_folder(home, **changes)
    _, store = folder.open_space(file)
    doubt = store.is_doubtful
    store.close(clean=False)
    folder.close()
    return doubt


# ---------------------------------------------------------------- what it keeps


@pytest.mark.parametrize("kind", ["disk", "memory"])
def test_entries_are_kept_by_key_and_found_by_its_start(kind: str, tmp_path: Path) -> None:
    folder: VaultFolder = open_folder(tmp_path) if kind == "disk" else MemoryFolder(os.urandom)
    folder.write({"me/name": b"Ana", "me/key": b"1", "code/7": b"x", "me": b"", "m%": b"2"})
    folder.write({"me/key": b"2", "code/7": None, "never": None})
    assert folder.read("me/") == {"me/key": b"2", "me/name": b"Ana"}
    assert folder.read("m%") == {"m%": b"2"}
    assert list(folder.read("")) == ["m%", "me", "me/key", "me/name"]
    folder.close()


def test_entries_and_spaces_are_there_again(tmp_path: Path) -> None:
    file = write_space(tmp_path)
    folder = open_folder(tmp_path)
    folder.write({"me/name": b"Ana"})
    folder.close()
    folder.close()
    again = open_folder(tmp_path)
    assert again.read("me/") == {"me/name": b"Ana"}
    assert again.space_files() == [file]
    store = again.open_space(file)[1]
    assert store.state().last_object() == 2
    store.close(clean=True)
    again.delete_space(file)
    assert again.space_files() == []
    assert not list((tmp_path / "vault" / "spaces").iterdir())
    again.close()


def test_s1_every_file_has_a_key_of_its_own(tmp_path: Path) -> None:
    file = write_space(tmp_path)
    spaces = tmp_path / "vault" / "spaces"
    (spaces / file).rename(spaces / "other.db")
    folder = open_folder(tmp_path)
    with pytest.raises(VaultDamaged, match=r"other\.db"):
        folder.open_space("other.db")
    folder.close()


def test_a_space_that_is_not_there_is_damage(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    with pytest.raises(VaultDamaged, match=r"gone\.db"):
        folder.open_space("gone.db")
    folder.close()


# ---------------------------------------------------------------- who may open it


def test_a_second_opening_is_refused_and_the_owner_named(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, program="Groceries")
    text = f"The vault “Ana” is open in Groceries (process {os.getpid()})."
    with pytest.raises(VaultInUse) as refused:
        open_folder(tmp_path)
    assert str(refused.value).startswith(text)
    folder.close()
    open_folder(tmp_path).close()


SECOND = """
import os, sys
from pathlib import Path
from kithspace.adapters.disk import DiskFolder, Settings
from kithspace.errors import VaultInUse
home = Path(sys.argv[1])
settings = Settings(vault="Ana", program="second", entropy=os.urandom, keys=home / "keys",
                    openings=home / "openings")
try:
    DiskFolder(home / "vault", settings)
except VaultInUse as error:
    print(error)
"""


def test_a_second_process_is_refused_and_the_owner_named(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, program="Groceries")
    command = [sys.executable, "-c", SECOND, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert f"is open in Groceries (process {os.getpid()})" in run.stdout
    folder.close()
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert run.stdout == ""


def test_s2_without_keychain_and_passphrase_the_key_lies_outside(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    assert (folder.protection, folder.is_protected) == ("file", False)
    folder.close()
    (key,) = (tmp_path / "keys").iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    key.rename(tmp_path / "hidden")
    with pytest.raises(VaultLocked, match="cannot be read"):
        open_folder(tmp_path)


def test_s2_the_keychain_is_taken_before_a_key_file(tmp_path: Path) -> None:
    keyring = Keyring()
    folder = open_folder(tmp_path, keychain=keyring)
    assert (folder.protection, folder.is_protected) == ("keychain", True)
    folder.close()
    assert not (tmp_path / "keys").exists()
    assert not open_folder_is_doubtful(tmp_path, keychain=keyring)
    with pytest.raises(VaultLocked, match=r"is locked\. Unlock your keychain"):
        open_folder(tmp_path)
    keyring.set(*next((name, bytes(32)) for name in keyring.secrets if "opening" not in name))
    with pytest.raises(VaultLocked):
        open_folder(tmp_path, keychain=keyring)


def test_s2_a_keychain_that_is_shut_locks_the_vault(tmp_path: Path) -> None:
    class Shut(Keyring):
        def set(self, name: str, secret: bytes) -> None:
            raise PermissionError

    with pytest.raises(VaultLocked, match="Unlock your keychain"):
        open_folder(tmp_path, keychain=Shut())
    assert not (tmp_path / "vault" / "vault.json").exists()
    open_folder(tmp_path, keychain=Keyring()).close()


def open_folder_is_doubtful(home: Path, **changes: Any) -> bool:
    folder = open_folder(home, **changes)
    folder.close()
    return folder.opening.is_doubtful


def test_s2_a_passphrase_opens_and_no_other_does(tmp_path: Path) -> None:
    folder = open_folder(tmp_path, passphrase="correct horse")
    assert (folder.protection, folder.is_protected) == ("passphrase", True)
    folder.close()
    with pytest.raises(VaultLocked, match="that passphrase does not open it"):
        open_folder(tmp_path, passphrase="battery staple")
    with pytest.raises(VaultLocked, match=r"is locked\. "):
        open_folder(tmp_path)
    open_folder(tmp_path, passphrase="correct horse").close()
    assert b"correct" not in (tmp_path / "vault" / "vault.json").read_bytes()


def test_s2_a_server_reads_its_passphrase_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    monkeypatch.setenv("KITH_PASSPHRASE_FILE", str(secret))
    folder = open_folder(tmp_path)
    assert folder.protection == "passphrase"
    folder.close()
    monkeypatch.delenv("KITH_PASSPHRASE_FILE")
    open_folder(tmp_path, passphrase="correct horse").close()
    monkeypatch.setenv("KITH_PASSPHRASE_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(VaultLocked, match="nowhere cannot be read"):
        open_folder(tmp_path)


def test_s2_weak_parameters_are_neither_made_nor_taken(tmp_path: Path) -> None:
    weak = Stretching(passes=1, memory_bytes=8_192)
    with pytest.raises(ValueError, match="too weak"):
        open_folder(tmp_path, passphrase="horse", stretching=weak)
    folder = open_folder(tmp_path, passphrase="horse")
    folder.close()
    edit_vault_file(tmp_path, lambda file: file["keys"][0]["stretching"].update(passes=1))
    with pytest.raises(VaultDamaged, match=r"vault\.json"):
        open_folder(tmp_path, passphrase="horse")


def edit_vault_file(home: Path, edit: Any) -> None:
    path = home / "vault" / "vault.json"
    file = json.loads(path.read_text())
    edit(file)
    path.write_text(json.dumps(file))


def test_vault_json_holds_nothing_but_how_the_key_is_wrapped(tmp_path: Path) -> None:
    open_folder(tmp_path, passphrase="horse").close()
    file = json.loads((tmp_path / "vault" / "vault.json").read_text())
    assert sorted(file) == ["check", "format", "keys", "vault"]
    assert sorted(file["keys"][0]) == ["how", "salt", "sealed", "stretching"]


def test_s3_a_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    open_folder(tmp_path).close()
    vault = tmp_path / "vault"
    assert vault.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in vault.rglob("*")} == {0}
    (vault / "vault.db").chmod(0o644)
    with pytest.raises(VaultLocked, match=f"Close it to them with `chmod -R go= {vault}`"):
        open_folder(tmp_path)
    (vault / "vault.db").chmod(0o600)
    open_folder(tmp_path).close()


READ_ONLY = """
import os, sys
from pathlib import Path
from kithspace.adapters.disk import DiskFolder, Settings
from kithspace.errors import VaultLocked
home = Path(sys.argv[1])
settings = Settings(vault="Ana", program="test", entropy=os.urandom, keys=home / "keys",
                    openings=home / "openings")
if os.geteuid() == 0:
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
try:
    DiskFolder(home / "vault", settings)
except VaultLocked as error:
    print(error)
"""


@pytest.mark.parametrize("is_made", [False, True])
def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path, *, is_made: bool) -> None:
    home = tmp_path / "home"
    (home / "vault").mkdir(parents=True)
    if is_made:
        open_folder(home).close()
    for path in [home, *home.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        path.chmod(0o500 if path.is_dir() else 0o400)
    for parent in home.parents:  # pytest's own folders: the child is to reach the vault's
        if parent.is_relative_to(tempfile.gettempdir()) and parent != Path(tempfile.gettempdir()):
            parent.chmod(0o755)
    command = [sys.executable, "-c", READ_ONLY, str(home)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    assert run.stdout.startswith("The vault “Ana” is locked: this program cannot write ")
    for path in [home, *home.rglob("*")]:
        path.chmod(0o700)


# ---------------------------------------------------------------- what is not what it was


def test_b4_a_newer_vault_is_refused_unchanged(tmp_path: Path) -> None:
    open_folder(tmp_path).close()
    edit_vault_file(tmp_path, lambda file: file.update(format=2))
    before = contents(tmp_path / "vault")
    with pytest.raises(TooNew, match="The vault “Ana” was written by kithspace"):
        open_folder(tmp_path)
    assert contents(tmp_path / "vault") == before


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": "x"}', b"\xff"])
def test_a_vault_json_that_is_none_is_damage(tmp_path: Path, text: bytes) -> None:
    open_folder(tmp_path).close()
    (tmp_path / "vault" / "vault.json").write_bytes(text)
    with pytest.raises(VaultDamaged, match=r"vault\.json"):
        open_folder(tmp_path)


@pytest.mark.parametrize("name", ["vault.json", "vault.db"])
def test_a_part_that_is_gone_is_damage_and_nothing_is_made_anew(tmp_path: Path, name: str) -> None:
    write_space(tmp_path)
    (tmp_path / "vault" / name).unlink()
    before = contents(tmp_path / "vault")
    with pytest.raises(VaultDamaged, match=name):
        open_folder(tmp_path)
    assert contents(tmp_path / "vault") == before


# ---------------------------------------------------------------- doubt


def test_f2_a_killed_process_leaves_no_doubt_within_a_boot(tmp_path: Path) -> None:
    file = write_space(tmp_path)
    assert not is_in_doubt(tmp_path, file)


def test_f2_an_unclean_end_in_another_boot_is_a_doubt(tmp_path: Path) -> None:
    file = write_space(tmp_path)
    assert is_in_doubt(tmp_path, file, boot=b"next boot")


def test_f2_a_system_without_a_boot_id_is_a_doubt(tmp_path: Path) -> None:
    file = write_space(tmp_path, boot=b"")
    assert is_in_doubt(tmp_path, file, boot=b"")


def test_f2_files_of_a_moment_before_are_a_doubt(tmp_path: Path) -> None:
    """The power goes: what the disk has is what it had at the last sync."""
    folder = open_folder(tmp_path)
    file, store = folder.open_space(None)
    store.commit([some.feed(1)])
    store.sync()
    shutil.copytree(tmp_path / "vault", tmp_path / "disk")
    store.commit([some.feed(2)])
    store.close(clean=False)
    folder.close()
    shutil.rmtree(tmp_path / "vault")
    (tmp_path / "disk").rename(tmp_path / "vault")
    folder = open_folder(tmp_path, boot=b"next boot")
    store = folder.open_space(file)[1]
    assert [row.n for row in store.state().feeds()] == [1]
    assert store.is_doubtful
    store.close(clean=True)
    folder.close()


def test_f2_the_first_commit_after_a_clean_end_is_announced_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power goes before the commit is synced: still the disk knows of the feed's doubt."""
    folder = open_folder(tmp_path)
    file, store = folder.open_space(None)
    store.commit([some.feed(1)])
    store.close(clean=True)
    store = folder.open_space(file)[1]
    spaces, synced, fsync = tmp_path / "vault" / "spaces", tmp_path / "synced", os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        shutil.copytree(spaces, synced, dirs_exist_ok=True)

    monkeypatch.setattr(os, "fsync", note)
    store.commit([some.feed(2)])
    monkeypatch.undo()
    store.close(clean=False)
    folder.close()
    shutil.rmtree(spaces)
    synced.rename(spaces)
    folder = open_folder(tmp_path, boot=b"next boot")
    store = folder.open_space(file)[1]
    assert [row.n for row in store.state().feeds()] == [1]
    assert store.is_doubtful
    store.close(clean=True)
    folder.close()


def test_a_restored_folder_puts_every_written_space_in_doubt(tmp_path: Path) -> None:
    folder = open_folder(tmp_path)
    file, store = folder.open_space(None)
    store.commit(some.EVERYTHING)
    store.close(clean=True)
    unwritten = folder.open_space(None)
    unwritten[1].close(clean=True)
    folder.close()
    shutil.copytree(tmp_path / "vault", tmp_path / "backup")
    first = open_folder(tmp_path)
    assert not first.opening.is_doubtful
    first.close()
    shutil.rmtree(tmp_path / "vault")
    (tmp_path / "backup").rename(tmp_path / "vault")
    restored = open_folder(tmp_path)
    assert restored.opening.is_doubtful
    assert restored.opening.instance != first.opening.instance
    assert restored.opening.counter > first.opening.counter
    store = restored.open_space(file)[1]
    assert store.is_doubtful
    store.close(clean=True)
    assert not restored.open_space(unwritten[0])[1].is_doubtful
    restored.close()
    assert not open_folder_is_doubtful(tmp_path)
    assert is_in_doubt(tmp_path, file)


def test_a_folder_copied_to_another_computer_is_in_doubt(tmp_path: Path) -> None:
    open_folder(tmp_path).close()
    folder = open_folder(tmp_path, openings=tmp_path / "another computer")
    assert folder.opening.is_doubtful
    folder.close()


def test_two_copies_on_one_computer_take_notice_of_each_other(tmp_path: Path) -> None:
    file = write_space(tmp_path)
    copied = tmp_path / "copied"
    shutil.copytree(tmp_path / "vault", copied)
    assert not open_folder_is_doubtful(tmp_path)
    (tmp_path / "vault").rename(tmp_path / "first")
    copied.rename(tmp_path / "vault")
    assert is_in_doubt(tmp_path, file)
    (tmp_path / "vault").rename(copied)
    (tmp_path / "first").rename(tmp_path / "vault")
    assert is_in_doubt(tmp_path, file)


def test_f2_a_successor_ends_the_doubt(tmp_path: Path) -> None:
    file = write_space(tmp_path)
    folder = open_folder(tmp_path, boot=b"next boot")
    store = folder.open_space(file)[1]
    store.commit([some.an_object(3)])
    assert store.is_doubtful
    store.commit([some.feed(3), PutAbout("own", some.id_of("feed", 3))])
    store.close(clean=True)
    folder.close()
    assert not is_in_doubt(tmp_path, file, boot=b"third boot")
