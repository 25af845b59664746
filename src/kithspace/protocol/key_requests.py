"""Which peer is asked for the key of a generation, and which is answered?

One `KeyRequests` for each space.

Rules (protocol.md X11, security.md K3, K4):
    A device that lacks a key asks each member once a minute.
    An asker is answered once a minute for each generation; whether it is entitled is for the
    holder of the key to say.
    A key that nobody asked for is passed over.
"""

from collections.abc import Iterable
from typing import Final

from kithspace.core.ids import GenerationId

ASK_AGAIN_MS: Final = 60_000
MAX_REQUESTED: Final = 64
MAX_ANSWERED: Final = 1_024


class KeyRequests:
    """Asks for keys, and keeps count of who asked."""

    def __init__(self) -> None:
        self._lacking: tuple[GenerationId, ...] = ()
        self._now_ms = 0
        self._asked: dict[bytes, dict[GenerationId, int]] = {}
        self._answered: dict[bytes, dict[GenerationId, int]] = {}

    def join(self, peer: bytes) -> None:
        """A member may be asked from now on."""
        self._asked[peer] = {}
        self._answered[peer] = {}

    def leave(self, peer: bytes) -> None:
        """A peer is gone."""
        self._asked.pop(peer, None)
        self._answered.pop(peer, None)

    def lack(self, generations: Iterable[GenerationId]) -> None:
        """These keys are lacking now, and no others."""
        self._lacking = tuple(generations)
        lacking = set(self._lacking)
        for peer, asked in self._asked.items():
            self._asked[peer] = {g: ms for g, ms in asked.items() if g in lacking}

    def is_lacking(self, generation: GenerationId) -> bool:
        """Whether this key is lacking."""
        return generation in self._lacking

    def to_ask(self, peer: bytes, now_ms: int) -> list[GenerationId]:
        """Generations to ask of this peer now, at most 64."""
        asked = self._asked[peer]
        due = [g for g in self._lacking if asked.get(g, now_ms) <= now_ms][:MAX_REQUESTED]
        asked.update(dict.fromkeys(due, now_ms + ASK_AGAIN_MS))
        return due

    def to_answer(
        self, peer: bytes, generations: Iterable[GenerationId], now_ms: int
    ) -> list[GenerationId]:
        """Those of a request that are to be answered now."""
        answered = self._answered[peer]
        due = [g for g in dict.fromkeys(generations) if answered.get(g, now_ms) <= now_ms]
        for generation in due:
            answered.pop(generation, None)
            answered[generation] = now_ms + ASK_AGAIN_MS
        while len(answered) > MAX_ANSWERED:
            del answered[next(iter(answered))]
        return due

    def next_deadline(self) -> int | None:
        """When a member is to be asked again."""
        if not self._lacking:
            return None
        times = (ms for asked in self._asked.values() for ms in asked.values())
        return min((ms for ms in times if ms > self._now_ms), default=None)

    def time_passed(self, now_ms: int) -> None:
        """Take note of the time; then ask by `to_ask`."""
        self._now_ms = now_ms
