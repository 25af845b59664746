"""Whole vaults on this computer, over real sockets and the registry."""

import threading
from pathlib import Path

from mnemonic import Mnemonic

from kithspace.adapters.memory_store import MemoryFolder
from kithspace.adapters.registry import Registry
from kithspace.adapters.system import SystemClock, system_entropy
from kithspace.adapters.websocket import WebSockets
from kithspace.core.codec import Value
from kithspace.core.ids import ObjectId
from kithspace.core.object_id import shared_object_id
from kithspace.core.value import ROOT
from kithspace.ports import Draft, DraftObject, DraftWrite, SpaceBackend, VaultFolder
from kithspace.protocol.words import WordList
from kithspace.runtime.exchange import InviterExchange, JoinerExchange, VaultExchange
from kithspace.runtime.mesh import Mesh
from kithspace.runtime.vault import Setup, Vault

WORDS = WordList(Mnemonic("english").wordlist)


def open_meshed(name: str, runtime: Path, folder: VaultFolder | None = None) -> Vault:
    """Open a vault whose registry is in `runtime`."""
    clock = SystemClock()
    registry = Registry(system_entropy, runtime / "nodes")

    def make_mesh(vault: VaultExchange, inviter: InviterExchange, joiner: JoinerExchange) -> Mesh:
        return Mesh(vault, inviter, joiner, WebSockets(), registry, clock, system_entropy)

    return Vault(
        Setup(
            folder or MemoryFolder(system_entropy),
            name,
            f"{name}'s laptop",
            "test",
            clock,
            system_entropy,
            WORDS,
            make_mesh,
            lambda: {plate for found in registry.find() for plate in found.nameplates},
        )
    )


def add(space: SpaceBackend, **fields: Value) -> ObjectId:
    """Write a new object of type `task`."""
    id_ = shared_object_id(system_entropy)
    flat = tuple(part for pair in sorted(fields.items()) for part in pair)
    root = DraftWrite((), (ROOT, "task", flat))
    space.commit(Draft("test", (DraftObject(id_, 0, 1, None, (root,)),)))
    return id_


def change(space: SpaceBackend, id_: ObjectId, **fields: Value) -> None:
    """Write fields of an object."""
    base = space.get(id_)
    writes = tuple(DraftWrite((name,), value) for name, value in fields.items())
    space.commit(Draft("test", (DraftObject(id_, 0, 1, base, writes),)))


def see(space: SpaceBackend, id_: ObjectId, field: str) -> object:
    """What is seen of a field."""
    document = space.get(id_)
    return None if document is None else document.get(field)


def wait_for(space: SpaceBackend, id_: ObjectId, field: str, value: object) -> None:
    """Wait until a field is seen to have a value."""
    seen = threading.Event()

    def look(_: object) -> None:
        if see(space, id_, field) == value:
            seen.set()

    stop = space.watch(look)
    look(None)
    is_there = seen.wait(20)
    stop()
    assert is_there, (field, see(space, id_, field))
