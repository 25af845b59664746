"""F2: a feed is never continued after a doubt; the power is cut by restoring files of before."""

import shutil
from pathlib import Path

import pytest

from kithspace.adapters.disk import DiskFolder, Settings
from kithspace.adapters.system import system_entropy
from kithspace.runtime.space import Space
from kithspace.runtime.vault import Vault
from tests.vault_pairs import open_vault


def open_in_boot(home: Path, boot: bytes) -> Vault:
    settings = Settings(
        vault="Ana",
        program="a test",
        entropy=system_entropy,
        keys=home / "keys",
        openings=home / "openings",
        boot=boot,
    )
    return open_vault("Ana", DiskFolder(home / "vault", settings), seed=int.from_bytes(boot, "big"))


def all_blocks(space: Space) -> dict[tuple[bytes, int], bytes]:
    """The headers that a peer may have got, by feed and number."""
    engine = space.engine
    engine.release()
    return {
        (feed.id, seq): record
        for feed in engine.state.feeds()
        for seq, (record, _, _) in enumerate(engine.store.blocks(feed.n, 0, feed.length))
    }


def the_space(vault: Vault) -> Space:
    return vault.open_space(vault.spaces()[0].id)


@pytest.mark.end_to_end
@pytest.mark.parametrize("is_continued", [False, True])
def test_f2_after_a_power_cut_no_number_is_used_twice(
    tmp_path: Path, *, is_continued: bool
) -> None:
    vault = open_in_boot(tmp_path, b"1")
    space = vault.make_space("Groceries")
    if is_continued:
        vault.close()
        vault = open_in_boot(tmp_path, b"2")
        space = the_space(vault)
    space.rename("on the disk")
    space.engine.sync()
    shutil.copytree(tmp_path / "vault", tmp_path / "disk")
    space.rename("sent, and lost here")
    sent = all_blocks(space)
    vault.close()
    shutil.rmtree(tmp_path / "vault")
    (tmp_path / "disk").rename(tmp_path / "vault")

    vault = open_in_boot(tmp_path, b"3")
    space = the_space(vault)
    assert space.name == "on the disk"
    kept = all_blocks(space)
    assert kept.items() < sent.items()
    space.rename("written after")
    now = all_blocks(space)
    vault.close()
    clashes = [key for key in now if key in sent and now[key] != sent[key]]
    assert clashes == []
    assert {feed for feed, _ in now} > {feed for feed, _ in sent}
    assert now.items() >= kept.items()


@pytest.mark.end_to_end
def test_f2_after_a_clean_end_the_feed_goes_on(tmp_path: Path) -> None:
    vault = open_in_boot(tmp_path, b"1")
    vault.make_space("Groceries")
    vault.close()
    vault = open_in_boot(tmp_path, b"2")
    space = the_space(vault)
    before = all_blocks(space)
    space.rename("later")
    after = all_blocks(space)
    vault.close()
    assert {feed for feed, _ in after} == {feed for feed, _ in before}
    assert len(after) == len(before) + 1
