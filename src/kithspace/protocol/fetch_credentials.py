"""Which peer is asked for which credentials?

One `CredentialFetch` for each space. What is listed in ascending depth is asked for in that order,
so that parents come first and nothing has to wait.

Rules (protocol.md X5, X6):
    At most 256 in a message and `WINDOW` open at a peer; each is asked of one peer at a time.
    What is not answered for 20 s is asked of another; the silent one is not asked for it again,
    until it lists it anew.
    A listing beyond `MAX_LACKING` is dropped, and compared again when the others came.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

from kithspace.protocol.fetch import ASK_AGAIN_MS, LOOK_MS
from kithspace.protocol.messages import MAX_WANTED

WINDOW: Final = 4 * MAX_WANTED
MAX_LACKING: Final = 65_536


class _Asked(NamedTuple):
    peer: bytes
    since_ms: int


class _Peer:
    __slots__ = ("heard_ms", "is_cut_short", "lacking", "open", "todo")

    def __init__(self) -> None:
        self.lacking: set[bytes] = set()
        self.todo: deque[bytes] = deque()
        self.open = 0
        self.heard_ms = 0
        self.is_cut_short = False


class CredentialFetch:
    """Asks peers for the credentials of one space. Ids are given by their first 16 bytes."""

    def __init__(self) -> None:
        self._peers: dict[bytes, _Peer] = {}
        self._asked: dict[bytes, _Asked] = {}
        self._looked_ms = 0

    def join(self, peer: bytes) -> None:
        """A peer is there."""
        self._peers[peer] = _Peer()

    def leave(self, peer: bytes) -> None:
        """A peer is gone: what it was asked for is asked of others."""
        self._peers.pop(peer, None)
        for prefix in [p for p, asked in self._asked.items() if asked.peer == peer]:
            self._ask_others(prefix)

    def offer(self, peer: bytes, prefixes: Iterable[bytes]) -> None:
        """A peer has these, parents first, and they are not here."""
        of = self._peers[peer]
        for prefix in prefixes:
            if len(of.lacking) >= MAX_LACKING:
                of.is_cut_short = True
                return
            if prefix not in of.lacking:
                of.lacking.add(prefix)
                of.todo.append(prefix)

    def came(self, peer: bytes, prefixes: Iterable[bytes], now_ms: int) -> set[bytes]:
        """These came from a peer, or are here now; return the peers that had listed them."""
        listed: set[bytes] = set()
        if peer in self._peers:
            self._peers[peer].heard_ms = now_ms
        for prefix in prefixes:
            asked = self._asked.pop(prefix, None)
            if asked is not None:
                self._peers[asked.peer].open -= 1
            for lister, of in self._peers.items():
                if prefix in of.lacking:
                    of.lacking.remove(prefix)
                    listed.add(lister)
        return listed

    def to_ask(self, peer: bytes, now_ms: int) -> list[bytes]:
        """Starts of ids to ask of this peer now, at most one message of them."""
        of = self._peers[peer]
        wanted: list[bytes] = []
        while of.todo and of.open < WINDOW and len(wanted) < MAX_WANTED:
            prefix = of.todo.popleft()
            if prefix in of.lacking and prefix not in self._asked:
                self._asked[prefix] = _Asked(peer, now_ms)
                of.open += 1
                wanted.append(prefix)
        return wanted

    def is_idle(self, peer: bytes) -> bool:
        """All that this peer listed has come, from whomever."""
        return not self._peers[peer].lacking

    def take_cut_short(self, peer: bytes) -> bool:
        """Whether a listing of this peer was dropped in part; asking forgets it."""
        of = self._peers[peer]
        was, of.is_cut_short = of.is_cut_short, False
        return was

    def next_deadline(self) -> int | None:
        """When to look at what was asked: every second, while something is."""
        return self._looked_ms + LOOK_MS if self._asked else None

    def time_passed(self, now_ms: int) -> None:
        """Ask others for what was not answered."""
        if now_ms < self._looked_ms + LOOK_MS:
            return
        self._looked_ms = now_ms
        for prefix, asked in list(self._asked.items()):
            of = self._peers[asked.peer]
            if max(asked.since_ms, of.heard_ms) + ASK_AGAIN_MS <= now_ms:
                of.open -= 1
                of.lacking.discard(prefix)
                self._ask_others(prefix)

    def _ask_others(self, prefix: bytes) -> None:
        del self._asked[prefix]
        for of in self._peers.values():
            if prefix in of.lacking:
                of.todo.append(prefix)
