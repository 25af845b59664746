"""A vault in a folder: opened again, copied, restored, with a file left over."""

import shutil
from pathlib import Path

import pytest

from kithspace.adapters.disk.folder import DiskFolder, Settings
from kithspace.adapters.system import system_entropy
from kithspace.core.effects import PutAbout
from kithspace.core.ids import ObjectId
from kithspace.core.object_id import shared_object_id
from kithspace.core.value import ROOT
from kithspace.errors import DiskFull, VaultInUse
from kithspace.ports import Draft, DraftObject, DraftWrite, Store
from kithspace.runtime.space import Space
from kithspace.testing.faults import FaultyStore
from tests.vault_pairs import join, open_vault, sync


def open_folder(base: Path, name: str = "vault", boot: bytes = b"one boot") -> DiskFolder:
    settings = Settings(
        vault="Ana",
        program="test",
        entropy=system_entropy,
        keys=base / "keys",
        openings=base / "openings",
        boot=boot,
    )
    return DiskFolder(base / name, settings)


def add(space: Space, title: str) -> ObjectId:
    id_ = shared_object_id(system_entropy)
    root = DraftWrite((), (ROOT, "task", ("title", title)))
    space.commit(Draft("test", (DraftObject(id_, 0, 1, None, (root,)),)))
    return id_


def title(space: Space, id_: ObjectId) -> object:
    document = space.get(id_)
    return None if document is None else document.get("title")


def test_vault_on_disk_is_the_same_after_it_was_closed(tmp_path: Path) -> None:
    ana = open_vault("Ana", open_folder(tmp_path))
    space = ana.make_space("Groceries")
    milk = add(space, "Milk")
    feed = space.engine.replica.own_feed
    ana.close()
    again = open_vault("Ana", open_folder(tmp_path, boot=b"next boot"), seed=1)
    there = again.open_space(space.id)
    assert title(there, milk) == "Milk"
    add(there, "Eggs")
    assert there.engine.replica.own_feed == feed
    again.close()


def test_vault_that_is_open_is_refused_and_names_who_has_it(tmp_path: Path) -> None:
    ana = open_vault("Ana", open_folder(tmp_path))
    with pytest.raises(VaultInUse, match="test"):
        open_folder(tmp_path)
    ana.close()
    open_folder(tmp_path).close()


def test_f2_restored_folder_goes_on_in_new_feeds_and_gets_back_what_it_lost(tmp_path: Path) -> None:
    ana = open_vault("Ana", open_folder(tmp_path))
    ben = open_vault("Ben")
    space = ana.make_space("Groceries")
    join(ben, ana, space.invite("writer", uses=1, hours=24, link=False).code)
    feed = space.engine.replica.own_feed
    ana.close()
    shutil.copytree(tmp_path / "vault", tmp_path / "backup")
    ana = open_vault("Ana", open_folder(tmp_path), seed=1)
    lost = add(ana.open_space(space.id), "sent, then lost")
    sync(ana, ben)
    ana.close()
    shutil.rmtree(tmp_path / "vault")
    shutil.copytree(tmp_path / "backup", tmp_path / "vault")
    ana = open_vault("Ana", open_folder(tmp_path), seed=2)
    there = ana.open_space(space.id)
    new = add(there, "after the restore")
    assert there.engine.replica.own_feed != feed
    sync(ana, ben)
    assert title(there, lost) == "sent, then lost"
    assert title(ben.open_space(space.id), new) == "after the restore"
    ana.close()
    ben.close()


def test_e2_file_that_a_crash_left_without_a_record_is_listed_again(tmp_path: Path) -> None:
    ana = open_vault("Ana", open_folder(tmp_path))
    space = ana.make_space("Groceries")
    milk = add(space, "Milk")
    record = ana.core.shelf.record(space.id)
    assert record is not None
    ana.core.records.drop_space(record.file)
    ana.close()
    folder = open_folder(tmp_path)
    _, empty = folder.open_space(None)
    empty.commit([PutAbout("floor", b"")])
    empty.close(clean=True)
    files = len(folder.space_files())
    again = open_vault("Ana", folder, seed=1)
    assert title(again.open_space(space.id), milk) == "Milk"
    assert [info.name for info in again.spaces()] == ["Groceries"]
    assert len(folder.space_files()) == files - 1
    again.close()


class NarrowFolder:
    """A folder on a disk that has no room for the nth commit of a space's file."""

    def __init__(self, folder: DiskFolder, fail_at: int) -> None:
        self._folder = folder
        self._fail_at = fail_at
        self.opening = folder.opening
        self.read, self.write, self.close = folder.read, folder.write, folder.close
        self.space_files, self.delete_space = folder.space_files, folder.delete_space

    def open_space(self, file: str | None) -> tuple[str, Store]:
        name, store = self._folder.open_space(file)
        return name, FaultyStore(store, self._fail_at)


@pytest.mark.parametrize("fail_at", range(1, 12))
def test_b5_vault_that_ran_out_of_disk_anywhere_opens_again(tmp_path: Path, fail_at: int) -> None:
    opened = []

    def fill() -> None:
        opened.append(open_vault("Ana", NarrowFolder(open_folder(tmp_path), fail_at)))
        space = opened[0].make_space("Groceries")
        while True:
            add(space, "Milk")

    with pytest.raises(DiskFull):
        fill()
    for vault in opened:
        vault.close()
    again = open_vault("Ana", open_folder(tmp_path), seed=1)
    found = again.make_space("Work")
    assert title(found, add(found, "Milk")) == "Milk"
    again.close()
