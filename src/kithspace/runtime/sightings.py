"""Who is, or was, at the other end, and what have they got?

The mesh reports; status, members and `synced` ask. What outlives the program (last seen, how much a
device had) is kept in the vault as one small record per space and device.

Rules: experience.md section 8 (rows 4, 6, 10, 13, 14, 17), section 6 (`kith who`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from kithspace.core.codec import decode, encode
from kithspace.core.ids import DeviceKey, SpaceId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kithspace.ports import Clock
    from kithspace.runtime.vault_records import VaultRecords

PREFIX: Final = "seen/"
_MAX_RECORD: Final = 256
BAD_SIGNATURE: Final = "E_SIGNATURE"


class Had(NamedTuple):
    """How much there was when a device was last the same as this one."""

    blocks: int
    own: int
    """Of the blocks, those of this person's feeds."""


NOTHING: Final = Had(0, 0)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of another device in one space.

    Attributes:
        is_here: Connected and proved.
        is_same: Compared since it came, and nothing lacking.
        last_seen_ms: When it was last connected.
        compared_ms: When it was last the same.
        had: How much there was then.
        clock_ahead_ms: Its clock against ours.
        done: Bytes of a copy that runs, got.
        total: Bytes of a copy that runs, in all; 0: none runs.
        since_ms: When the copy began.
        is_bad: Its data failed a signature check.
    """

    is_here: bool = False
    is_same: bool = False
    last_seen_ms: int = 0
    compared_ms: int = 0
    had: Had = NOTHING
    clock_ahead_ms: int = 0
    done: int = 0
    total: int = 0
    since_ms: int = 0
    is_bad: bool = False


class Sightings:
    """All sightings of a vault. Any thread may call.

    Args:
        records: Where they are kept.
        clock: Says when.
        amount: How much there is in a space now.
    """

    def __init__(
        self, records: VaultRecords, clock: Clock, amount: Callable[[SpaceId], Had]
    ) -> None:
        self._records = records
        self._clock = clock
        self._amount = amount
        self._lock = threading.Lock()
        self._seen: dict[tuple[SpaceId, DeviceKey], Sighting] = {}
        self._calls: list[Callable[[SpaceId], None]] = []
        self._old_peers: dict[str, str] = {}
        for key, record in records.read(PREFIX).items():
            self._seen[_read_key(key)] = _read_record(record)

    # -- reports of the mesh

    def here(self, space: SpaceId, device: DeviceKey, clock_ahead_ms: int) -> None:
        """A device has proved that it belongs to the space."""
        now = self._clock.now_ms()
        self._change(
            space,
            device,
            is_here=True,
            is_same=False,
            last_seen_ms=now,
            clock_ahead_ms=clock_ahead_ms,
            total=0,
        )

    def gone(self, space: SpaceId, device: DeviceKey) -> None:
        """Its connection has ended."""
        now = self._clock.now_ms()
        self._change(space, device, is_here=False, is_same=False, last_seen_ms=now, total=0)
        self._keep(space, device)

    def same(self, space: SpaceId, device: DeviceKey) -> None:
        """Both sides were compared, and nothing is lacking."""
        now = self._clock.now_ms()
        self._change(
            space,
            device,
            is_same=True,
            compared_ms=now,
            last_seen_ms=now,
            had=self._amount(space),
            total=0,
        )
        self._keep(space, device)

    def differs(self, space: SpaceId, device: DeviceKey) -> None:
        """Something is lacking on one side."""
        self._change(space, device, is_same=False)

    def copying(self, space: SpaceId, device: DeviceKey, done: int, total: int) -> None:
        """A copy from that device runs: bytes got, and in all."""
        with self._lock:
            old = self._seen.get((space, device), Sighting())
        since = old.since_ms if old.total else self._clock.now_ms()
        self._change(space, device, done=done, total=total, since_ms=since)

    def bad(self, space: SpaceId, device: DeviceKey, code: str) -> None:
        """It sent what the gate refused."""
        if code == BAD_SIGNATURE:
            self._change(space, device, is_bad=True)

    # -- questions

    def of(self, space: SpaceId) -> Mapping[DeviceKey, Sighting]:
        """All other devices ever seen in a space."""
        with self._lock:
            return {device: seen for (in_, device), seen in self._seen.items() if in_ == space}

    def listen(self, call: Callable[[SpaceId], None]) -> Callable[[], None]:
        """Call, on the reporting thread, after every report. Returns what stops it."""
        self._calls.append(call)

        def stop() -> None:
            if call in self._calls:
                self._calls.remove(call)

        return stop

    def _change(self, space: SpaceId, device: DeviceKey, **news: object) -> None:
        key = (space, device)
        with self._lock:
            self._seen[key] = replace(self._seen.get(key, Sighting()), **news)  # type: ignore[arg-type]
        for call in tuple(self._calls):
            call(space)

    def _keep(self, space: SpaceId, device: DeviceKey) -> None:
        with self._lock:
            seen = self._seen[(space, device)]
        record = encode((seen.last_seen_ms, seen.compared_ms, seen.had.blocks, seen.had.own))
        self._records.write({_key(space, device): record})


def _key(space: SpaceId, device: DeviceKey) -> str:
    return f"{PREFIX}{space.hex()}/{device.hex()}"


def _read_key(key: str) -> tuple[SpaceId, DeviceKey]:
    _, space, device = key.split("/")
    return SpaceId(bytes.fromhex(space)), DeviceKey(bytes.fromhex(device))


def _read_record(record: bytes) -> Sighting:
    fields = decode(record, _MAX_RECORD)
    last, compared, blocks, own = fields  # type: ignore[misc, str-unpack]
    return Sighting(last_seen_ms=last, compared_ms=compared, had=Had(blocks, own))  # type: ignore[arg-type]
