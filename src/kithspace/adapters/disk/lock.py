"""Who has a vault's folder open? One process at a time (security.md section 7, protocol.md 8).

The lock is the system's, on the file `lock`: it ends with the process, however that ends. What is
written in the file only names the owner to whoever comes second.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from kithspace.errors import VaultInUse

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE: Final = "lock"
_MAX_BYTES: Final = 4_096
_LOCKED_BYTE: Final = 1 << 30
"""Where Windows locks: far behind the text, which others must be able to read."""
_TAKEN: Final = (BlockingIOError, PermissionError)
"""What the system says of a lock that somebody else has; the second on Windows."""
_LINUX_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_MAC_BOOT: Final = ("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")


class FolderLock:
    """The lock on a vault's folder, held from here to `release`.

    Args:
        folder: The vault's folder.
        vault: The vault's name, for the error.
        program: What this program is called, for who comes second.
        boot: The boot id.

    Raises:
        VaultInUse: Somebody has it; the error names who.
    """

    def __init__(self, folder: Path, *, vault: str, program: str, boot: bytes) -> None:
        path = folder / LOCK_FILE
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(self._descriptor)
        except _TAKEN as error:
            owner = os.pread(self._descriptor, _MAX_BYTES, 0) if os.name != "nt" else b""
            os.close(self._descriptor)
            raise VaultInUse.by(vault, *_read_owner(owner)) from error
        text = json.dumps({"pid": os.getpid(), "program": program, "boot": boot.hex()})
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, text.encode())

    def release(self) -> None:
        """Give it back; any number of times."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def boot_id() -> bytes:
    """What tells this boot of the computer from all others; empty where the system does not say."""
    try:
        if sys.platform == "darwin":
            run = subprocess.run(_MAC_BOOT, capture_output=True, check=True, timeout=5)  # noqa: S603
            return run.stdout.strip()
        return _LINUX_BOOT.read_bytes().strip()
    except (OSError, subprocess.SubprocessError):
        return b""


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        # Of this opening of the file, not of the process: a second opening here is refused too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _read_owner(text: bytes) -> tuple[str, int]:
    try:
        owner = json.loads(text)
        return str(owner["program"]), int(owner["pid"])
    except (ValueError, KeyError, TypeError):
        return "another program", 0
