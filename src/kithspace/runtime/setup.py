"""What is a vault put together from?

Whoever opens a vault (the API, tests, the simulation) chooses the adapters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.ports import Clock, Entropy, VaultFolder
    from kithspace.protocol.words import WordList
    from kithspace.runtime.exchange import (
        InviterExchange,
        JoinerExchange,
        MeshControl,
        VaultExchange,
    )

MakeMesh: TypeAlias = "Callable[[VaultExchange, InviterExchange, JoinerExchange], MeshControl]"


class Setup(NamedTuple):
    """How a vault is opened.

    Attributes:
        folder: The open folder; the vault closes it.
        name: The person's name, for a new vault.
        device_name: This device's name, for a new vault.
        app: Who acts.
        clock: The time.
        entropy: Random bytes.
        words: The words of codes.
        mesh: Makes the network; None: `network=False`.
        nameplates: Nameplates that other nodes of this computer have announced.
        disk: Bytes used and in all of the disk that the folder is on.
        durable: Sync the disk at every commit.
    """

    folder: VaultFolder
    name: str
    device_name: str
    app: str
    clock: Clock
    entropy: Entropy
    words: WordList
    mesh: MakeMesh | None = None
    nameplates: Callable[[], set[str]] = set
    disk: Callable[[], tuple[int, int]] = lambda: (0, 0)
    durable: bool = False
