"""Which devices does an identity have, given a set of its entries?

`EntryLog` holds every entry known of one identity and what hash links say: pasts and depths.
`fold_entries` says which entries of a given subset count, and who is live then. Entries that are
known but not given count as void; they still say what came before what.

Rules (security.md 3):
    I1   An entry is admissible iff its issuer stands in the fold of its own past.
    I2   Depth = 0 or 1 + the greatest of the parents; the order is (depth, id).
    I3   Authority: the phrase (0), then devices by the place of their add-device in that order
         (2 + i). A rotated device keeps its place. Guardians (1) come at a later stage.
    I4   remove-device and rotate-device are revokers, taken by (rank of issuer, order).
    I5   Then the rest is replayed in order, dropping what has no standing issuer.
    I6   So the older of two devices that remove each other stays, and the phrase beats all.
    I7   Only the phrase changes the recovery key once one is set.
    I8   A removed key is never added again; with no live device only the phrase adds one.
    2.4  At most 32 devices are live, and 1,024 entries known.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, TypeAlias

from kithspace.core.identity import (
    MAX_DEVICES,
    MAX_ENTRIES,
    AddDevice,
    Device,
    Entry,
    EntryGenesis,
    RemoveDevice,
    RotateDevice,
    SetRecovery,
)
from kithspace.core.ids import DeviceKey

Key: TypeAlias = tuple[int, bytes]

PHRASE_RANK: Final = 0
FIRST_DEVICE_RANK: Final = 2


class Standing(NamedTuple):
    """What a set of counting entries says."""

    live: dict[DeviceKey, Device]
    """Devices added and not removed, the oldest first (I3)."""
    added: frozenset[DeviceKey]
    removed: frozenset[DeviceKey]
    recovery: bytes | None


@dataclass(frozen=True, slots=True)
class EntryLog:
    """All entries known of one identity; a value, extended by `with_entries`."""

    entries: dict[bytes, Entry]
    pasts: dict[bytes, frozenset[bytes]]
    keys: dict[bytes, Key]

    @classmethod
    def empty(cls) -> Self:
        """The log of an identity of which nothing is known."""
        return cls({}, {}, {})

    def with_entries(self, entries: Iterable[Entry]) -> "EntryLog | None":
        """Return the log with further entries, or None if one of them is not admissible (I1)."""
        new = [entry for entry in entries if entry.id not in self.entries]
        if not new:
            return self
        log = EntryLog(dict(self.entries), dict(self.pasts), dict(self.keys))
        while new:
            ready = [e for e in new if all(parent in log.entries for parent in e.parents)]
            if not ready or not all(log._take(entry) for entry in ready):
                return None
            new = [entry for entry in new if entry.id not in log.entries]
        return log

    def order(self, ids: Iterable[bytes]) -> list[Entry]:
        """I2: entries by depth, then id."""
        return [self.entries[e] for e in sorted(ids, key=self.keys.__getitem__)]

    def heads(self, ids: Collection[bytes]) -> tuple[bytes, ...]:
        """Those of `ids` that are in no other's past, sorted."""
        inner = frozenset[bytes]().union(*(self.pasts[e] for e in ids))
        return tuple(sorted(set(ids) - inner))

    def _take(self, entry: Entry) -> bool:
        past = frozenset(entry.parents).union(*(self.pasts[p] for p in entry.parents))
        depth = 1 + max((self.keys[p][0] for p in entry.parents), default=-1)
        self.entries[entry.id] = entry
        self.pasts[entry.id] = past
        self.keys[entry.id] = (depth, entry.id)
        return len(past) < MAX_ENTRIES and i1_admissible(self, entry)


def i1_admissible(log: EntryLog, entry: Entry) -> bool:
    """I1: does the issuer stand in the fold of the entry's own past?"""
    return _issuer_stands(entry, standing_of(log, fold_entries(log, log.pasts[entry.id])))


def i3_rank(log: EntryLog, given: Iterable[bytes], issuer: bytes) -> int:
    """I3: how strong a key of this identity is; less is stronger."""
    places: dict[bytes, int] = {}
    for entry in log.order(given):
        match entry.body:
            case EntryGenesis(device=device) | AddDevice(device=device):
                places.setdefault(device.sign, len(places))
            case RotateDevice(old=old, device=device) if old in places:
                places.setdefault(device.sign, places[old])
            case _:
                pass
    return FIRST_DEVICE_RANK + places[issuer] if issuer in places else PHRASE_RANK


def fold_entries(log: EntryLog, given: Collection[bytes]) -> frozenset[bytes]:
    """I4, I5: the ids of the given entries that count."""
    if len(given) == 1 and not log.pasts[next(iter(given))]:
        return frozenset(given)  # the everyday case: a genesis stands by itself
    return _i5_replay(log, given, _i4_void(log, frozenset(given)))


def standing_of(log: EntryLog, kept: Iterable[bytes]) -> Standing:
    """Return live devices and recovery key of a set of counting entries."""
    added: dict[DeviceKey, Device] = {}
    places: dict[DeviceKey, int] = {}
    removed: set[DeviceKey] = set()
    recovery: bytes | None = None
    for entry in log.order(kept):
        device, gone = entry.introduced, entry.removed
        if device is not None:
            added.setdefault(device.sign, device)
            places.setdefault(device.sign, places.get(gone, len(places)) if gone else len(places))
        if gone is not None:
            removed.add(gone)
        if isinstance(entry.body, EntryGenesis):
            recovery = entry.body.recovery
        elif isinstance(entry.body, SetRecovery):
            recovery = entry.body.phrase
    oldest_first = sorted(added, key=places.__getitem__)
    live = {key: added[key] for key in oldest_first if key not in removed}
    return Standing(live, frozenset(added), frozenset(removed), recovery)


def _i4_void(log: EntryLog, given: frozenset[bytes]) -> set[bytes]:
    """I4: what the revokers, from the strongest on, make void."""
    revokers = [entry for entry in log.order(given) if entry.removed is not None]
    revokers.sort(key=lambda entry: (i3_rank(log, given, entry.issuer), log.keys[entry.id]))
    void: set[bytes] = set()
    done: set[bytes] = set()
    for revoker in revokers:
        done.add(revoker.id)
        if revoker.id in void:
            continue
        past = (log.pasts[revoker.id] & given) - void
        if not _issuer_stands(revoker, standing_of(log, _i5_replay(log, past, void))):
            void.add(revoker.id)
            continue
        void |= {
            entry.id
            for entry in (log.entries[e] for e in given - done)
            if entry.issuer == revoker.removed and _concurrent(log, entry, revoker)
        }
    return void


def _i5_replay(log: EntryLog, given: Iterable[bytes], void: Collection[bytes]) -> frozenset[bytes]:
    """I5: in order, keep what is not void and whose issuer stands in the kept past."""
    kept: set[bytes] = set()
    for entry in log.order(given):
        if entry.id in void:
            continue
        if _issuer_stands(entry, standing_of(log, kept & log.pasts[entry.id])):
            kept.add(entry.id)
    return frozenset(kept)


def _issuer_stands(entry: Entry, standing: Standing) -> bool:
    by_phrase = standing.recovery is not None and entry.issuer == standing.recovery
    by_device = entry.issuer in standing.live
    match entry.body:
        case EntryGenesis():
            return True
        case AddDevice(device=device):
            has_room = len(standing.live) < MAX_DEVICES
            return (by_device or by_phrase) and has_room and _is_new(device.sign, standing)
        case RotateDevice(device=device):
            return by_device and _is_new(device.sign, standing)
        case RemoveDevice():
            return by_device or by_phrase
        case SetRecovery():
            oldest = next(iter(standing.live), None)
            return by_phrase or (standing.recovery is None and entry.issuer == oldest)
        case _:
            return by_device


def _is_new(key: DeviceKey, standing: Standing) -> bool:
    """I8: a key that was ever added or removed is not added again."""
    return key not in standing.added and key not in standing.removed


def _concurrent(log: EntryLog, one: Entry, other: Entry) -> bool:
    return one.id not in log.pasts[other.id] and other.id not in log.pasts[one.id]
