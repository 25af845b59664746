"""What is measured in a process of its own. Run as `python -m benchmarks.child DOES FOLDER ...`.

`open`: opens a vault and asks the first question; prints milliseconds and resident memory.
`share`: makes a vault with tasks, prints a code, and stays until stdin ends; each line is a title
to write. `join`: joins by a code, waits for the tasks, then prints when it sees each title.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.measure import once_ms
from benchmarks.world import SPACE, Task, fill, open_vault
from kithspace import Change, Space
from kithspace.adapters.websocket import WebSocketConnection


def say(**what: object) -> None:
    """Tell the parent, on a line of its own."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def open_and_ask(folder: Path) -> None:
    """Open an empty vault, which loads all modules, then a vault to ask it something."""
    kept: list[object] = []

    def act() -> None:
        space = open_vault(folder).space(SPACE)
        kept.append(space.all(Task, done=False, priority__ge=2).order_by("priority").limit(20)[:])

    fresh = once_ms(lambda: open_vault(folder.with_name("empty")).close())
    say(ms=once_ms(act), mb=resident_mb(), fresh=fresh)


def resident_mb() -> float:
    """Resident memory of this process."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def share(folder: Path, count: int) -> None:
    """Make tasks, invite, and write what comes on stdin."""
    with open_vault(folder, network=True) as vault:
        space = vault.space(SPACE)
        fill(space, count)
        seen = space.add(Task("seen"))
        say(code=space.invite().code, id=seen.id)
        for line in sys.stdin:
            start = time.perf_counter_ns()
            seen.title = line.strip()
            say(at=start)


def join(folder: Path, count: int, code: str) -> None:
    """Join, wait until all is here and on disk, then tell what is seen."""
    received = count_received()
    with open_vault(folder, network=True) as vault:
        start = time.perf_counter_ns()
        space = vault.join(code).result(60)
        joined = time.perf_counter_ns()
        while len(space.all(Task)) <= count:
            time.sleep(0.005)
        here = time.perf_counter_ns()
        say(joined=(joined - start) / 1e9, all=(here - start) / 1e9, mb=received[0] / 1e6)
        watch_titles(space)
        sys.stdin.readline()


def count_received() -> list[int]:
    """Count the bytes that come over sockets, headers of WebSocket and TCP left out."""
    total = [0]
    receive = WebSocketConnection.receive

    async def counting(self: WebSocketConnection) -> bytes:
        message = await receive(self)
        total[0] += len(message)
        return message

    WebSocketConnection.receive = counting  # type: ignore[method-assign]
    return total


def watch_titles(space: Space) -> None:
    """Print when each title is seen."""

    def look(change: Change[Task]) -> None:
        for one in (*change.added, *change.updated):
            say(title=one.title, at=time.perf_counter_ns())

    space.all(Task, owner="").watch(look, now=False)


def main(does: str, folder: Path, *more: str) -> None:
    """Do one of them."""
    if does == "open":
        open_and_ask(folder)
    elif does == "share":
        share(folder, int(more[0]))
    else:
        join(folder, int(more[0]), more[1])


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
