"""Vaults that meet by direct calls: the mesh's part is played by a few lines."""

from mnemonic import Mnemonic

from kithspace.adapters.memory_store import MemoryFolder
from kithspace.adapters.system import SystemClock
from kithspace.core import crypto
from kithspace.ports import VaultFolder
from kithspace.protocol.words import WordList
from kithspace.runtime.exchange import Failure, OpenCode, Preview, SpaceExchange, Welcome
from kithspace.runtime.vault import Setup, Vault
from kithspace.testing.simulated_time import SeededEntropy

WORDS = WordList(Mnemonic("english").wordlist)


def open_vault(
    name: str, folder: VaultFolder | None = None, *, device: str = "laptop", seed: int = 0
) -> Vault:
    """A vault without a network."""
    entropy = SeededEntropy(seed, name + device)
    return Vault(
        Setup(
            folder=folder or MemoryFolder(entropy),
            name=name,
            device_name=device,
            app="test",
            clock=SystemClock(),
            entropy=entropy,
            words=WORDS,
        )
    )


def pull(here: SpaceExchange, there: SpaceExchange) -> None:
    """Take everything that the other announces."""
    known = {leaf.id for leaf in here.credential_leaves()}
    lacking = [one.id for one in there.credential_leaves() if one.id not in known]
    if lacking:
        here.receive_credentials(there.credentials(lacking), None)
    for hash_ in here.lacking_chunks():
        chunk = there.chunk(hash_)
        if chunk is not None:
            here.receive_chunk(hash_, chunk)
    lengths = {leaf.feed: leaf.length for leaf in here.feed_leaves()}
    for leaf in there.feed_leaves():
        first = lengths.get(leaf.feed, 0)
        while first < leaf.length:
            blocks = there.blocks(leaf.feed, first, leaf.length)
            if not blocks:
                break
            here.receive_blocks(blocks, None)
            first += len(blocks)


def tend(*vaults: Vault) -> None:
    """Let each vault do now what its node would do soon."""
    for vault in vaults:
        vault.core.tend()
        for space in vault.core.all_spaces():
            space.engine.release()


def sync(*vaults: Vault) -> None:
    """Bring all spaces that these vaults share into step."""
    for _ in range(3):
        tend(*vaults)
        for here in vaults:
            for there in vaults:
                theirs = {one.space: one for one in there.core.side.exchanges()}
                for one in here.core.side.exchanges():
                    if here is not there and one.space in theirs:
                        pull(one, theirs[one.space])


def join(joiner: Vault, inviter: Vault, code: str, *, link_seed: bytes | None = None) -> Preview:
    """Play a good invitation through, as the mesh would."""
    host = inviter.core.inviter
    invitation: bytes
    if link_seed is None:
        nameplate = code.partition("-")[0]
        opened = host.take_try(nameplate)
        assert isinstance(opened, OpenCode), opened
        assert code == f"{nameplate}-{opened.words}"
        host.give_back_try(opened.invitation)
        invitation = opened.invitation
    else:
        invitation = crypto.sign_keypair(crypto.derive(link_seed, "ks1/invite", b"sign")).public
    preview = host.preview(invitation)
    assert isinstance(preview, Preview), preview
    welcome = _welcome(joiner, inviter, invitation, preview, link_seed)
    assert isinstance(welcome, Welcome), welcome
    entrance = joiner.core.entrance
    if preview.role == "device":
        entrance.welcomed_as_device(welcome, preview)
    else:
        entrance.welcomed(welcome, preview)
    _arrive(joiner, inviter)
    entrance.arrived(welcome.space, code, preview)
    sync(joiner, inviter)
    return preview


def _welcome(
    joiner: Vault, inviter: Vault, invitation: bytes, preview: Preview, seed: bytes | None
) -> Welcome | Failure:
    host = inviter.core.inviter
    if preview.role != "device":
        who = joiner.core.entrance.introduction(preview.space, preview.invite, seed)
        return host.admit(invitation, who)
    entry = host.device_entry(invitation, joiner.core.device.public, joiner.core.agree.public)
    assert isinstance(entry, bytes)
    signature = joiner.core.entrance.sign_entry(entry)
    assert isinstance(signature, bytes)
    return host.admit_device(invitation, entry, signature)


def _arrive(joiner: Vault, inviter: Vault) -> None:
    theirs = {one.space: one for one in inviter.core.side.exchanges()}
    for space in inviter.core.all_spaces():
        space.engine.release()
    for one in joiner.core.side.exchanges():
        if one.space in theirs:
            pull(one, theirs[one.space])
