"""Whom does a node dial, when again, and whom does it let in?

Pure: times come in as arguments.

Rules:
    protocol.md section 6: back-off is 0.5 s times 2^n up to 60 s, with a jitter of 30 %, and goes
        to zero when the network or the registry changes.
    N6: 10 handshakes a second and 64 pending for a node, 4 for an address.
    security.md section 7: a score at -100 closes and bans the device for 10 minutes, doubling to
        24 hours.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.core.ids import DeviceKey

FIRST_MS: Final = 500
LAST_MS: Final = 60_000
JITTER: Final = 0.3
MAX_DOUBLINGS: Final = 7
HANDSHAKES_PER_SECOND: Final = 10
MAX_PENDING: Final = 64
MAX_PENDING_EACH: Final = 4
MAX_PENDING_HERE: Final = 32
"""Nodes of this user come from loopback too, all at once when one starts."""
LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})
BAN_AT: Final = -100
FIRST_BAN_MS: Final = 600_000
LAST_BAN_MS: Final = 86_400_000


@dataclass(slots=True)
class Target:
    """An address to dial.

    Attributes:
        address: `ws://host:port`.
        is_kept: Known from the vault, not from the registry.
        tries: How often in a row it failed.
        due_ms: When to dial next; None: not by itself.
        is_busy: A connection to it is being made, or stands.
    """

    address: str
    is_kept: bool
    tries: int = 0
    due_ms: int | None = 0
    is_busy: bool = False

    def failed(self, now_ms: int, entropy: Callable[[int], bytes]) -> None:
        """Plan the next try."""
        self.due_ms = now_ms + back_off_ms(self.tries, entropy)
        self.tries = min(self.tries + 1, MAX_DOUBLINGS)

    def worked(self) -> None:
        """It led to somebody."""
        self.tries = 0

    def rest(self) -> None:
        """Do not dial again until something changes: nothing is shared, or they are here."""
        self.due_ms = None
        self.tries = 0

    def hurry(self, now_ms: int) -> None:
        """The network, the registry or one's spaces changed."""
        self.due_ms = now_ms
        self.tries = 0


def back_off_ms(tries: int, entropy: Callable[[int], bytes]) -> int:
    """Return how long to wait after a number of failures in a row."""
    whole = min(FIRST_MS << min(tries, MAX_DOUBLINGS), LAST_MS)
    spread = int.from_bytes(entropy(2), "big") / 65_535 * 2 - 1
    return int(whole * (1 + JITTER * spread))


def is_due(deadline: int | None, now_ms: int) -> bool:
    """Whether a deadline has come."""
    return deadline is not None and deadline <= now_ms


@dataclass(slots=True)
class Doorkeeper:
    """Which strangers may begin a handshake (N6)."""

    pending: dict[str, int] = field(default_factory=dict)
    _allowance: float = HANDSHAKES_PER_SECOND
    _seen_ms: int = 0

    def admit(self, host: str, now_ms: int) -> bool:
        """Whether one more connection from this host may begin; it then counts as pending."""
        passed = max(now_ms - self._seen_ms, 0) / 1000
        self._seen_ms = now_ms
        self._allowance = min(
            self._allowance + passed * HANDSHAKES_PER_SECOND, HANDSHAKES_PER_SECOND
        )
        most = MAX_PENDING_HERE if host in LOOPBACK else MAX_PENDING_EACH
        is_full = self.pending.get(host, 0) >= most or sum(self.pending.values()) >= MAX_PENDING
        if is_full or self._allowance < 1:
            return False
        self._allowance -= 1
        self.pending[host] = self.pending.get(host, 0) + 1
        return True

    def settled(self, host: str) -> None:
        """One of them proved itself, or is gone."""
        left = self.pending.get(host, 0) - 1
        if left > 0:
            self.pending[host] = left
        else:
            self.pending.pop(host, None)


@dataclass(slots=True)
class Scores:
    """What devices have lost, and who is banned."""

    _scores: dict[DeviceKey, int] = field(default_factory=dict)
    _bans: dict[DeviceKey, tuple[int, int]] = field(default_factory=dict)

    def lose(self, device: DeviceKey, score: int, now_ms: int) -> bool:
        """Take note of a loss; whether the device is banned now."""
        total = self._scores.get(device, 0) + min(score, 0)
        self._scores[device] = total
        if total > BAN_AT:
            return False
        _, last = self._bans.get(device, (0, FIRST_BAN_MS // 2))
        length = min(last * 2, LAST_BAN_MS)
        self._bans[device] = (now_ms + length, length)
        self._scores[device] = 0
        return True

    def is_banned(self, device: DeviceKey, now_ms: int) -> bool:
        """Whether its ban still runs."""
        until, _ = self._bans.get(device, (0, 0))
        return now_ms < until
