"""Meshes over real engines and machines; only the carriers and the registry are in memory."""

import contextlib
from collections.abc import Callable, Sequence

import anyio
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from kithspace.adapters.memory_store import MemoryFolder
from kithspace.core.crypto import KeyPair
from kithspace.core.identity import SignedEntry
from kithspace.core.ids import CredentialId, IdentityId, SpaceId
from kithspace.ports import Clock, Neighbour
from kithspace.runtime.exchange import (
    Failure,
    Introduction,
    OpenCode,
    Preview,
    SpaceExchange,
    Welcome,
)
from kithspace.runtime.mesh import Mesh
from kithspace.runtime.sightings import Had, Sightings
from kithspace.runtime.vault_records import VaultRecords
from tests.engines import Side


class Carrier:
    """One end of a pair of streams."""

    kind = "ws"
    peer = "127.0.0.1"

    def __init__(
        self, out: ObjectSendStream[bytes], into: ObjectReceiveStream[bytes], cut: "Wires"
    ) -> None:
        self._out, self._into, self._wires = out, into, cut
        self.port = 0
        cut.carriers.append(self)

    async def send(self, message: bytes) -> None:
        try:
            await self._out.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise ConnectionError("gone") from error

    async def receive(self) -> bytes:
        try:
            return await self._into.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError) as error:
            raise ConnectionError("gone") from error

    async def close(self) -> None:
        await self._out.aclose()
        await self._into.aclose()


class Port:
    """A port that somebody listens at."""

    def __init__(self, wires: "Wires", port: int) -> None:
        self._wires, self.port = wires, port
        self.put, self.take = anyio.create_memory_object_stream[Carrier](64)

    async def accept(self) -> Carrier:
        try:
            return await self.take.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError) as error:
            raise ConnectionError("closed") from error

    async def close(self) -> None:
        self._wires.ports.pop(self.port, None)
        await self.put.aclose()
        await self.take.aclose()


class Wires:
    """All carriers and ports of a test."""

    def __init__(self) -> None:
        self.ports: dict[int, Port] = {}
        self.carriers: list[Carrier] = []
        self.is_cut = False
        self.dialled = 0

    async def listen(self, host: str, port: int) -> Port:
        number = port or 1_000 + len(self.ports)
        while number in self.ports:
            number += 1
        self.ports[number] = Port(self, number)
        return self.ports[number]

    async def dial(self, address: str) -> Carrier:
        self.dialled += 1
        port = self.ports.get(int(address.rpartition(":")[2]))
        if port is None or self.is_cut:
            raise ConnectionError("nobody")
        there, here = anyio.create_memory_object_stream[bytes](16)
        back, forth = anyio.create_memory_object_stream[bytes](16)
        await port.put.send(Carrier(back, here, self))
        return Carrier(there, forth, self)

    async def cut(self) -> None:
        """Cut all lines, and let nobody dial."""
        self.is_cut = True
        for carrier in self.carriers:
            await carrier.close()
        self.carriers.clear()

    def mend(self) -> None:
        self.is_cut = False


class Board:
    """The registry of a test, seen by one node."""

    def __init__(self, entries: dict[int, Neighbour], number: int) -> None:
        self._entries, self._number = entries, number

    def announce(self, port: int, nameplates: Sequence[str]) -> None:
        self._entries[self._number] = Neighbour(str(self._number), port, tuple(nameplates))

    def find(self) -> list[Neighbour]:
        return [one for number, one in self._entries.items() if number != self._number]

    def stop(self) -> None:
        self._entries.pop(self._number, None)


class NoInviter:
    """A vault with no invitation open."""

    def nameplates(self) -> list[str]:
        return []

    def has_links(self) -> bool:
        return False

    def take_try(self, nameplate: str) -> OpenCode | Failure:
        return Failure("unknown")

    def give_back_try(self, invitation: bytes) -> None:
        return None

    def preview(self, invitation: bytes) -> Preview | Failure:
        return Failure("unknown")

    def admit(self, invitation: bytes, joiner: Introduction) -> Welcome | Failure:
        return Failure("unknown")

    def device_entry(self, invitation: bytes, sign: bytes, agree: bytes) -> bytes | Failure:
        return Failure("unknown")

    def admit_device(self, invitation: bytes, entry: bytes, signature: bytes) -> Welcome | Failure:
        return Failure("unknown")


class NoJoiner:
    """A vault that joins nothing."""

    def introduction(
        self, space: SpaceId, invite: CredentialId | None, seed: bytes | None
    ) -> Introduction:
        raise NotImplementedError

    def welcomed(self, welcome: Welcome, preview: Preview) -> SpaceExchange:
        raise NotImplementedError

    def welcomed_as_device(self, welcome: Welcome, preview: Preview) -> SpaceExchange:
        raise NotImplementedError


class OneVault:
    """A vault that holds the one space of a `Side`."""

    def __init__(self, side: Side, clock: Clock) -> None:
        self.side = side
        self.opening_counter = 1
        self.listen_at: str | None = None
        records = VaultRecords(MemoryFolder(side.entropy))
        self.sightings = Sightings(records, clock, lambda space: Had(0, 0))
        self.kept: list[str] = []

    @property
    def identity(self) -> IdentityId:
        return self.side.engine.me.identity

    @property
    def device(self) -> KeyPair:
        return self.side.engine.me.device

    @property
    def agree(self) -> KeyPair:
        return self.side.engine.me.agree

    def identity_heads(self) -> tuple[bytes, ...]:
        return self.side.engine.membership.identity_heads(self.identity)

    def identity_entries(self) -> list[SignedEntry]:
        return []

    def peer_addresses(self) -> list[str]:
        return self.kept

    def keep_address(self, address: str) -> None:
        self.kept.append(address)

    def exchanges(self) -> list[SpaceExchange]:
        return [self.side.exchange]

    def listen_spaces(self, call: Callable[[], None]) -> Callable[[], None]:
        return lambda: None


class Node:
    """A side with a mesh around it."""

    def __init__(
        self, side: Side, wires: Wires, entries: dict[int, Neighbour], number: int, clock: Clock
    ) -> None:
        self.side = side
        self.vault = OneVault(side, clock)
        inviter = NoInviter()
        self.mesh = Mesh(
            self.vault,
            inviter,
            NoJoiner(),
            wires,
            Board(entries, number),
            clock,
            side.entropy,
        )

    async def run(self) -> None:
        """Run the mesh, and sign what is written as the node's thread would."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.mesh.run)
            with contextlib.suppress(anyio.get_cancelled_exc_class()):
                while True:
                    self.side.engine.release()
                    await anyio.sleep(0.005)

    @property
    def here(self) -> set[bytes]:
        """Devices that are connected and proved."""
        seen = self.vault.sightings.of(self.side.engine.space)
        return {device for device, one in seen.items() if one.is_here}


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something to become true."""
    with anyio.fail_after(seconds):
        while not holds():  # noqa: ASYNC110 - it watches state that has no event
            await anyio.sleep(0.005)
