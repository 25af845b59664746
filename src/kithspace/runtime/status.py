"""Why does a space not sync? One sentence for each cause.

`Facts` is what the engine knows at one moment; `judge` turns it into a `Status`. Pure.

Rules: experience.md section 8: rows 1-15 hold back a change; the first that matches is said; 16 and
17 are "in sync"; where {n} is 0 the half-sentence about changes is left out. Rows 7, 8, 9 and 15
belong to later stages (rendezvous, WebRTC, big blobs).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from kithspace.ports import Cause, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

IN_SYNC_ROWS: Final = frozenset({16, 17})
CLOCK_OFF_MS: Final = 60_000
"""A clock further off than this is worth a sentence (security.md section 7)."""
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 86_400_000


class Removed(NamedTuple):
    """When and by whom one was removed."""

    when_ms: int
    by: str
    held: int


class Demoted(NamedTuple):
    """Since when one is a reader."""

    when_ms: int
    refused: int
    admin: str


class AwaitedKey(NamedTuple):
    """Whose new key is not here yet."""

    by: str
    when_ms: int
    members: tuple[str, ...]


class Copy(NamedTuple):
    """A copy that runs: sizes in bytes, time left in ms."""

    what: str
    peer: str
    done: int
    total: int
    left_ms: int


class OldPeer(NamedTuple):
    """A device whose program cannot talk with this one."""

    device: str
    theirs: str
    ours: str


class Gap(NamedTuple):
    """Changes that wait for an earlier one."""

    changes: int
    by: str
    device: str


class Full(NamedTuple):
    """What is full, in bytes."""

    what: str
    used: int
    limit: int


class Peer(NamedTuple):
    """Another device of the space.

    Attributes:
        name: As in "Ben's phone".
        is_here: Connected now, and proved.
        is_same: Compared, and nothing was lacking on either side.
        compared_ms: When that was.
        last_seen_ms: When it was last connected; None: never.
        lacks: Changes it has not got.
    """

    name: str
    is_here: bool
    is_same: bool
    compared_ms: int
    last_seen_ms: int | None
    lacks: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a space at one moment."""

    space: str
    now_ms: int
    unsent: int = 0
    network: Literal["on", "none", "off"] = "on"
    removed: Removed | None = None
    demoted: Demoted | None = None
    awaited_key: AwaitedKey | None = None
    clocks: tuple[tuple[str, int], ...] = ()
    """Whose clock is ahead ("this computer", "Ben's phone"), by how many ms."""
    copy: Copy | None = None
    old_peers: tuple[OldPeer, ...] = ()
    bad_peers: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    full: Full | None = None
    peers: tuple[Peer, ...] = ()


def judge(facts: Facts) -> Status:
    """Return the sentence that holds back a change, and all others that match."""
    causes = tuple(Cause(row, words) for row, rule in _ROWS for words in rule(facts))
    first = causes[0] if causes else _nothing_known(facts)
    return Status(first.words, causes or (first,), first.row in IN_SYNC_ROWS, facts.unsent)


def changes(count: int) -> str:
    """`4 changes`, `1 change`."""
    return "1 change" if count == 1 else f"{count:,} changes"


def join_names(names: Sequence[str]) -> str:
    """`Ana`, `Ana and Ben`, `Ana, Ben and Cleo`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def age(ms: int) -> str:
    """How long something is ago, in one unit."""
    if ms < _MINUTE_MS:
        return f"{max(ms, 0) // 1000} s"
    if ms < _HOUR_MS:
        return f"{ms // _MINUTE_MS} min"
    if ms < _DAY_MS:
        return f"{ms // _HOUR_MS} h"
    days = ms // _DAY_MS
    return "1 day" if days == 1 else f"{days} days"


def moment(when_ms: int, now_ms: int) -> str:
    """A moment as a person says it: `12:04`, `Monday`, `3 May`, `3 May 2025`."""
    when = datetime.fromtimestamp(when_ms / 1000, UTC).astimezone()
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone()
    if when.date() == now.date():
        return f"{when:%H:%M}"
    if 0 <= now_ms - when_ms < 6 * _DAY_MS:
        return f"{when:%A %H:%M}"
    return f"{when.day} {when:%B}" if when.year == now.year else f"{when.day} {when:%B %Y}"


# ---------------------------------------------------------------- the rows


def row_1_removed(facts: Facts) -> Iterator[str]:
    """Removed from the space."""
    if facts.removed is None:
        return
    when_ms, by, held = facts.removed
    yield (
        f"You are no longer a member of “{facts.space}” since {moment(when_ms, facts.now_ms)} "
        f"(by {by}). What you have stays"
        + (f"; {changes(held)} you made since {_are(held)} held for an admin." if held else ".")
    )


def row_2_reader(facts: Facts) -> Iterator[str]:
    """My role is reader, and something written here is refused for it."""
    if facts.demoted is None or not facts.demoted.refused:
        return
    when_ms, refused, admin = facts.demoted
    yield (
        f"Since {moment(when_ms, facts.now_ms)} you are a reader of “{facts.space}”; "
        f"{changes(refused)} made here after that {_are(refused)} refused by everyone. "
        f"Ask {admin} for the writer role."
    )


def row_3_key(facts: Facts) -> Iterator[str]:
    """Waiting for the new key."""
    if facts.awaited_key is None:
        return
    by, when_ms, members = facts.awaited_key
    yield (
        f"{by} changed the key of “{facts.space}” {moment(when_ms, facts.now_ms)}; "
        f"this device gets it as soon as one of {join_names(members)} is online."
    )


def row_4_clock(facts: Facts) -> Iterator[str]:
    """A clock is wrong."""
    for whose, ahead_ms in facts.clocks:
        if ahead_ms > CLOCK_OFF_MS:
            yield (
                f"The clock of {whose} is {_count(ahead_ms // _MINUTE_MS, 'minute')} ahead. "
                "Its changes show when their time has come, or once the clock is set."
            )


def row_5_network(facts: Facts) -> Iterator[str]:
    """No network, or not wanted."""
    if facts.network == "on" or not facts.peers:
        return
    unsent = facts.unsent
    if facts.network == "off":
        yield "This program opened the vault with network=False" + (
            f"; {changes(unsent)} {'waits' if unsent == 1 else 'wait'} here." if unsent else "."
        )
        return
    sentence = "This computer has no network."
    if unsent == 1:
        sentence += (
            " 1 of your changes is with no one else yet; it is safe here and goes out by itself."
        )
    elif unsent:
        sentence += (
            f" {unsent:,} of your changes are with no one else yet; "
            "they are safe here and go out by themselves."
        )
    yield sentence


def row_6_copying(facts: Facts) -> Iterator[str]:
    """Copying now."""
    if facts.copy is None:
        return
    what, peer, done, total, left_ms = facts.copy
    left = age(max(left_ms, 1000))
    yield f"Copying {what} from {peer}: {_mb(done)} of {_mb(total)} MB, {left} left."


def row_10_peer(facts: Facts) -> Iterator[str]:
    """A peer is too old, or sends bad blocks."""
    for device, theirs, ours in facts.old_peers:
        yield (
            f"{_capital(device)} runs kithspace {theirs}, which cannot talk with {ours}. "
            "Upgrade it. Nothing is lost."
        )
    for device in facts.bad_peers:
        yield (
            f"{_capital(device)} sends data that fails its signature check; it is ignored. "
            "Update or re-add that device."
        )


def row_11_gap(facts: Facts) -> Iterator[str]:
    """A link in the chain is missing."""
    for count, by, device in facts.gaps:
        one = count == 1
        yield (
            f"{changes(count)} by {by} {'waits' if one else 'wait'} for an earlier one that only "
            f"{device} has; {'it shows by itself' if one else 'they show by themselves'} "
            "when it is online."
        )


def row_12_full(facts: Facts) -> Iterator[str]:
    """The disk is full."""
    if facts.full is None:
        return
    what, used, limit = facts.full
    yield (
        f"The {what} is full ({_gb(used)} of {_gb(limit)} GB) and takes nothing new. "
        "Free room (kith status --sizes)."
    )


def row_13_asleep(facts: Facts) -> Iterator[str]:
    """All others are asleep."""
    if not facts.peers or any(peer.is_here for peer in facts.peers):
        return
    latest = max(facts.peers, key=lambda peer: peer.last_seen_ms or 0)
    if latest.last_seen_ms is None:
        yield (f"{_capital(latest.name)} was not seen yet. Changes meet when you are both online.")
        return
    yield (
        f"{_capital(latest.name)} was last seen {moment(latest.last_seen_ms, facts.now_ms)}. "
        "Changes meet when you are both online."
    )


def row_14_part(facts: Facts) -> Iterator[str]:
    """Only a part of the others is reachable, and one lacks something."""
    here = [peer.name for peer in facts.peers if peer.is_here and peer.is_same]
    for peer in facts.peers:
        if here and not peer.is_here and peer.lacks:
            seen = peer.last_seen_ms
            since = "yet" if seen is None else f"since {moment(seen, facts.now_ms)}"
            yield (
                f"Same as {join_names(here)}; {peer.name} has not been seen {since} "
                f"and lacks {changes(peer.lacks)}; it gets them by itself."
            )


def row_16_alone(facts: Facts) -> Iterator[str]:
    """Alone in the space."""
    if not facts.peers and facts.removed is None:
        yield f"Only you are in “{facts.space}”. Invite someone: kith invite {facts.space}."


def row_17_same(facts: Facts) -> Iterator[str]:
    """The same everywhere reachable."""
    here = [peer for peer in facts.peers if peer.is_here]
    if not here or not all(peer.is_same for peer in here):
        return
    compared_ms = min(peer.compared_ms for peer in here)
    yield (
        f"Everything is the same here and on {join_names([peer.name for peer in here])} "
        f"(compared {age(facts.now_ms - compared_ms)} ago)."
    )


def _nothing_known(facts: Facts) -> Cause:
    """Connected, and the comparison has not ended: a copy whose size is not known yet."""
    peers = join_names([peer.name for peer in facts.peers if peer.is_here])
    return Cause(6, f"Comparing “{facts.space}” with {peers}.")


_ROWS: Final[tuple[tuple[int, Callable[[Facts], Iterator[str]]], ...]] = (
    (1, row_1_removed),
    (2, row_2_reader),
    (3, row_3_key),
    (4, row_4_clock),
    (5, row_5_network),
    (6, row_6_copying),
    (10, row_10_peer),
    (11, row_11_gap),
    (12, row_12_full),
    (13, row_13_asleep),
    (14, row_14_part),
    (16, row_16_alone),
    (17, row_17_same),
)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _count(count: int, unit: str) -> str:
    return f"1 {unit}" if count == 1 else f"{count:,} {unit}s"


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f}"


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
