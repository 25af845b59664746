"""A node that listens is sent garbage from real sockets; it goes on, and its memory is bounded."""

import contextlib
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console import Console, invite
from tests.person import Person

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(120)]
GROWTH_KB = 60_000
HELLO = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("this system does not tell the memory of a process")
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1])


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Console, Console]]:
    with (
        Console(Person("ana", tmp_path), "vault = ks.open_vault(name='Ana')") as ana,
        Console(Person("ben", tmp_path), "vault = ks.open_vault(name='Ben')") as ben,
    ):
        invite(ana, ben, "Groceries")
        yield ana, ben


def port_of(console: Console, computer: Path) -> int:
    for file in (computer / "runtime" / "nodes").glob("*.json"):
        entry = json.loads(file.read_text())
        if entry["pid"] == console.pid:
            return int(entry["port"])
    raise AssertionError("it does not listen")


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def send(port: int, *parts: bytes) -> None:
    """Say something and go; the node may have gone before."""
    with contextlib.suppress(OSError), connect(port) as wire:
        wire.settimeout(0.2)
        for part in parts:
            wire.sendall(part)
            with contextlib.suppress(TimeoutError):
                wire.recv(4_096)


def frame(payload: bytes, opcode: int = 2, *, claimed: int | None = None) -> bytes:
    """A WebSocket frame of a client; `claimed` is what it says of its length."""
    length = len(payload) if claimed is None else claimed
    head = bytes([0x80 | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 1 << 16:
        head += bytes([0xFE]) + length.to_bytes(2, "big")
    else:
        head += bytes([0xFF]) + length.to_bytes(8, "big")
    return head + bytes(4) + payload


def garbage(dice: random.Random) -> list[tuple[bytes, ...]]:
    noise = dice.randbytes
    return [
        (noise(dice.randrange(1, 3_000)),),
        (noise(300_000),),
        (b"GET / HTTP/1.1\r\n\r\n",),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n" + noise(5_000),),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2_000)) + b"\r\n",),
        (b"\x16\x03\x01" + noise(200),),
        (HELLO[: dice.randrange(len(HELLO))],),
        (HELLO, frame(noise(dice.randrange(200)))),
        (HELLO, frame(b"")),
        (HELLO, frame(noise(48))[: dice.randrange(2, 30)]),
        (HELLO, frame(b"", claimed=1 << 62)),
        (HELLO, frame(noise(100), claimed=1 << 30)),
        (HELLO, frame(noise(70_000))),
        (HELLO, frame(noise(1_100_000))),
        (HELLO, frame(noise(50), opcode=1)),
        (HELLO, frame(noise(50), opcode=7)),
        (HELLO, frame(noise(200), opcode=9)),
        (HELLO, *(frame(noise(dice.randrange(32, 100))) for _ in range(3))),
    ]


def growth_under_garbage(ana: Console, computer: Path, rounds: int) -> int:
    """Send everything so many times; return by how many KB the node has grown after the first."""
    port = port_of(ana, computer)
    dice = random.Random(rounds)  # noqa: S311 - what to send
    for parts in garbage(dice):
        send(port, *parts)
    before = resident_kb(ana.pid)
    for _ in range(rounds):
        for parts in garbage(dice):
            send(port, *parts)
    return resident_kb(ana.pid) - before


def test_garbage_from_real_sockets_does_no_harm(
    pair: tuple[Console, Console], tmp_path: Path
) -> None:
    ana, ben = pair
    assert growth_under_garbage(ana, tmp_path, 3) < GROWTH_KB
    meets(ana, ben)


@pytest.mark.nightly
@pytest.mark.timeout(1_200)
def test_garbage_for_minutes_does_no_harm(pair: tuple[Console, Console], tmp_path: Path) -> None:
    ana, ben = pair
    growth = growth_under_garbage(ana, tmp_path, 100)
    print(f"grown by {growth:,} KB")  # noqa: T201 - a figure for the report
    assert growth < GROWTH_KB
    meets(ana, ben)


def meets(ana: Console, ben: Console) -> None:
    """Both still see what the other writes."""
    for one, other in ((ana, ben), (ben, ana)):
        mark = one.do("space.add(Task('still here')).id")
        assert other.do(f"until(lambda: any(task.id == {mark!r} for task in space.all(Task)))")
        assert "still here" in str(other.do("[task.title for task in space.all(Task)]"))


@pytest.mark.parametrize("said", [0, 30, len(HELLO)])
def test_a_hundred_silent_connections_do_no_harm(
    pair: tuple[Console, Console], tmp_path: Path, said: int
) -> None:
    ana, ben = pair
    port = port_of(ana, tmp_path)
    before = resident_kb(ana.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            with contextlib.suppress(OSError):
                wire = stack.enter_context(connect(port))
                wire.sendall(HELLO[:said])
        meets(ana, ben)
        assert resident_kb(ana.pid) - before < GROWTH_KB


def test_who_speaks_a_byte_at_a_time_is_closed(
    pair: tuple[Console, Console], tmp_path: Path
) -> None:
    ana, ben = pair
    with connect(port_of(ana, tmp_path)) as wire:
        wire.settimeout(1)
        is_closed = False
        for byte in HELLO * 2:
            try:
                wire.sendall(bytes([byte]))
                is_closed = wire.recv(4_096) == b""
            except TimeoutError:
                continue
            except OSError:
                is_closed = True
            if is_closed:
                break
        assert is_closed
    meets(ana, ben)


def test_a_stranger_with_its_own_vault_learns_nothing(tmp_path: Path) -> None:
    with (
        Console(Person("ana", tmp_path), "vault = ks.open_vault(name='Ana')") as ana,
        Console(Person("cy", tmp_path), "vault = ks.open_vault(name='Cy')") as cy,
    ):
        ana.do("space = vault.space('Secret'); space.add(Task('hidden')); space.synced()")
        cy.do("space = vault.space('Own'); space.add(Task('mine'))")
        assert cy.do("[one.name for one in vault.spaces]") == ["Own"]
        assert cy.do("[one.name for one in vault.contacts]") == []
