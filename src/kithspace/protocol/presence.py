"""What do the others show at this moment, and what do we show them?

One `Presence` for each open space. Nothing of it is stored. No I/O, no clock, no randomness.

Rules (protocol.md X10, security.md 2.4, 2.5):
    `sealed` = nonce, then the value sealed under `KDF(gen_key, ks1/presence, device)` with
    `[space, gen, device, ms, n]` as additional data; the signature (`ks1/ephem`) is over that
    array and the sealed bytes. n starts at the vault's opening counter times 2^32.
    At most 4 KiB sealed, and 20 a second from a device: more are passed over.
    Dropped: over 5 minutes off, n not above the last, device not live, not by the peer itself.
    Shown until 30 s after it arrived, or until the connection ends; so it is said again in time.
    An empty value takes back what was shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from kithspace.core import crypto
from kithspace.core.codec import encode
from kithspace.core.ids import DeviceKey, GenerationId, SpaceId
from kithspace.errors import KeyMismatch
from kithspace.protocol.messages import Ephemeral

MAX_SEALED_BYTES: Final = 4 * 1_024
MAX_VALUE_BYTES: Final = MAX_SEALED_BYTES - crypto.NONCE_BYTES - crypto.TAG_BYTES
MAX_OFF_MS: Final = 300_000
SHOWN_MS: Final = 30_000
SAY_AGAIN_MS: Final = 12_000
PER_SECOND: Final = 20
_SPACING_MS: Final = 1_000 // PER_SECOND
_COUNTER_SHIFT: Final = 32


class ContentKey(NamedTuple):
    """The generation to seal under, and its content key."""

    generation: GenerationId
    key: bytes


@dataclass(slots=True)
class _Device:
    """What one device shows."""

    number: int = -1
    value: bytes = b""
    until_ms: int = 0
    tokens_ms: int = 0
    """The time up to which its share of 20 a second is used up."""


class Presence:
    """Presence in one space.

    Args:
        space: The space.
        device: The signing keys of this device.
        opening: The vault's opening counter: numbers are never used twice.
    """

    def __init__(self, space: SpaceId, device: crypto.KeyPair, opening: int) -> None:
        self._space = space
        self._device = device
        self._number = opening << _COUNTER_SHIFT
        self._value = b""
        self._is_new = False
        self._said_ms = 0
        self._others: dict[DeviceKey, _Device] = {}

    # ---------------------------------------------------------------- ours

    def show(self, value: bytes) -> None:
        """Show this from now on; empty: nothing.

        Raises:
            ValueError: More than about 4,000 bytes.
        """
        if len(value) > MAX_VALUE_BYTES:
            raise ValueError(f"presence of {len(value)} bytes, the limit is {MAX_VALUE_BYTES}")
        self._is_new = value != self._value or self._is_new
        self._value = value

    def say_again(self) -> None:
        """A peer came: it is to be told."""
        self._is_new = self._is_new or bool(self._value)

    def message_due(self, key: ContentKey, nonce: bytes, now_ms: int) -> Ephemeral | None:
        """Return what to send to all peers now, if something is due; its `ch` is to be set."""
        due = self._due_ms()
        if due is None or now_ms < due:
            return None
        self._is_new = False
        self._said_ms = now_ms
        self._number += 1
        return self._sealed(key, nonce, now_ms)

    def _sealed(self, key: ContentKey, nonce: bytes, now_ms: int) -> Ephemeral:
        device = DeviceKey(self._device.public)
        bound = (self._space, key.generation, device, now_ms, self._number)
        secret = crypto.derive(key.key, "ks1/presence", device)
        sealed = nonce + crypto.seal(secret, nonce, self._value, encode(bound))
        signature = crypto.sign(self._device.secret, "ks1/ephem", encode((*bound, sealed)))
        return Ephemeral(0, key.generation, device, now_ms, self._number, sealed, signature)

    def _due_ms(self) -> int | None:
        if self._is_new:
            return self._said_ms + _SPACING_MS
        return self._said_ms + SAY_AGAIN_MS if self._value else None

    # ---------------------------------------------------------------- theirs

    def receive(
        self,
        peer: DeviceKey,
        message: Ephemeral,
        content_key: Callable[[GenerationId], bytes | None],
        *,
        is_live: bool,
        now_ms: int,
    ) -> bool:
        """Take what a peer shows; return whether what is shown has changed.

        Args:
            peer: Who sent it; stage 1: only about itself.
            message: What came.
            content_key: Gives the content key of a generation, if it is here.
            is_live: Whether the peer is a live device of a member.
            now_ms: The time.
        """
        if not is_live or message.device != peer or abs(message.ms - now_ms) > MAX_OFF_MS:
            return False
        shown = self._others.get(peer) or _Device()
        if message.number <= shown.number or not _has_share(shown, now_ms):
            return False
        value = self._opened(message, content_key(message.generation))
        if value is None:
            return False
        self._others[peer] = shown
        shown.number = message.number
        was, shown.value = shown.value, value
        shown.until_ms = now_ms + SHOWN_MS
        return was != value

    def _opened(self, message: Ephemeral, key: bytes | None) -> bytes | None:
        bound = (self._space, message.generation, message.device, message.ms, message.number)
        signed = encode((*bound, message.sealed))
        if key is None or not crypto.verify(message.device, "ks1/ephem", signed, message.signature):
            return None
        secret = crypto.derive(key, "ks1/presence", message.device)
        nonce = message.sealed[: crypto.NONCE_BYTES]
        try:
            return crypto.open_sealed(
                secret, nonce, message.sealed[crypto.NONCE_BYTES :], encode(bound)
            )
        except KeyMismatch:
            return None

    def peer_gone(self, peer: DeviceKey) -> bool:
        """The connection ended; return whether what is shown has changed."""
        shown = self._others.get(peer)
        if shown is None:
            return False
        was, shown.value = shown.value, b""
        return bool(was)

    def shown(self) -> dict[DeviceKey, bytes]:
        """What the others show, by device."""
        return {peer: shown.value for peer, shown in self._others.items() if shown.value}

    # ---------------------------------------------------------------- time

    def next_deadline(self) -> int | None:
        """When `time_passed` and `message_due` are to be called, at the latest."""
        times = [shown.until_ms for shown in self._others.values() if shown.value]
        due = self._due_ms()
        return min(times if due is None else [due, *times], default=None)

    def time_passed(self, now_ms: int) -> bool:
        """Take away what is too old; return whether what is shown has changed."""
        old = [s for s in self._others.values() if s.value and s.until_ms <= now_ms]
        for shown in old:
            shown.value = b""
        return bool(old)


def _has_share(shown: _Device, now_ms: int) -> bool:
    """20 a second, up to 20 at once."""
    start = max(shown.tokens_ms, now_ms - 1_000)
    if start + _SPACING_MS > now_ms:
        return False
    shown.tokens_ms = start + _SPACING_MS
    return True
