"""What does the operating system give: the time and random bytes (ports Clock and Entropy)."""

import os
import time


class SystemClock:
    """The clock of this computer."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since some fixed moment."""
        return time.monotonic_ns() // 1_000_000


def system_entropy(size: int) -> bytes:
    """Return `size` random bytes of the operating system."""
    return os.urandom(size)
