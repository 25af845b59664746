"""What is on the stage of `kith demo`: two processes, what each said last, and two panels."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

import click

from kithspace.adapters.system import SystemClock
from kithspace.cli import demo_peer
from kithspace.cli.output import console
from kithspace.errors import KithError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

_PATIENCE_MS: Final = 30_000
_CLOCK: Final = SystemClock()

Item = dict[str, object]


class DemoFailed(KithError):
    """A side of the demo ended, or did not answer in time."""


class Side:
    """One process: orders go in, what it says is kept.

    Args:
        name: Ana or Ben.
        folder: Where its vault goes.
        said: Called after each line that it says.
    """

    def __init__(self, name: str, folder: Path, said: Callable[[], None]) -> None:
        self.name = name
        self.items: list[Item] = []
        self.code = ""
        self.did: list[str] = []
        self.is_online = True
        self.has_joined = False
        self._said = said
        environment = {
            **os.environ,
            "KITH_RUNTIME": str(folder / "runtime"),
            "XDG_CONFIG_HOME": str(folder / f"{name}-config"),
            "XDG_STATE_HOME": str(folder / f"{name}-state"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", demo_peer.__name__, str(folder / name), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        threading.Thread(target=self._listen, args=(self.process.stdout,), daemon=True).start()

    def order(self, do: str, **more: object) -> None:
        """Have it do something."""
        if self.process.stdin is None or self.process.poll() is not None:
            raise DemoFailed(f"{self.name}'s process ended.", "Start again: kith demo")
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            event = json.loads(line)
            said = event["event"]
            if said == "state":
                self.items = event["items"]
            elif said == "code":
                self.code = event["code"]
            elif said == "joined":
                self.has_joined = True
            elif said == "network":
                self.is_online = event["on"]
            self._said()
        self._said()

    def end(self) -> None:
        """Let it close its vault, and wait for it."""
        with suppress(OSError, DemoFailed):
            self.order("quit")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Stage:
    """Both sides. A context manager: leaving ends both and deletes their vaults."""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="kith-demo-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self._changed = threading.Condition()
        self._redraw: Callable[[], None] = _nothing
        self.ana = Side("Ana", folder, self._on_said)
        self.ben = Side("Ben", folder, self._on_said)
        self.sides = (self.ana, self.ben)
        self.is_cut = False
        self._joined_ms = 0
        self._same_ms: int | None = None
        self._edits = 0
        return self

    def __exit__(self, *_: object) -> None:
        for side in self.sides:
            side.end()
        self._folder.cleanup()

    # -- acts
    def meet_first(self) -> None:
        """Ana makes the space and a code; Ben joins by it."""
        self.ana.order("found")
        self._wait(lambda: bool(self.ana.code), "Ana's code")
        self.ben.order("join", code=self.ana.code)
        self._joined_ms = _CLOCK.monotonic_ms()
        self._wait(lambda: self.ben.has_joined and self.is_same(), "Ben to join")

    def cut(self) -> None:
        """Both go offline."""
        if not self.is_cut:
            self.is_cut, self._same_ms = True, None
            self._order_both("network", on=False)
            self._wait(lambda: not any(side.is_online for side in self.sides), "both to be offline")
            for side in self.sides:
                side.did = ["✂ cut"]

    def join(self) -> None:
        """Both go online again."""
        if self.is_cut:
            self._order_both("network", on=True)
            self._wait(lambda: all(side.is_online for side in self.sides), "both to be online")
            self.is_cut, self._joined_ms, self._same_ms = False, _CLOCK.monotonic_ms(), None
            self._note_same()

    def edit(self) -> None:
        """Both change the same line, Ana first, and Ben adds another."""
        self._edits += 1
        more = "" if self._edits == 1 else f" {self._edits}"
        first = str(self.ana.items[0]["title"]) if self._edits == 1 else self._first_milk()
        self.ana.order("edit", old=first, new=f"Oat milk{more}")
        self.ana.order("tick", title=f"Oat milk{more}")
        if self.is_cut:
            self._wait(lambda: self._has("Oat milk", self.ana), "Ana's edit")
        self.ben.order("edit", old=first, new=f"Whole milk{more}")
        self.ben.order("add", title=f"Bread{more}")
        self.ana.did.append(f"[x] {first} → “Oat milk{more}”")
        self.ben.did.append(f"{first} → “Whole milk{more}”, + Bread{more}")
        if self.is_cut:
            self._wait(lambda: self._has("Bread", self.ben), "Ben's edits")

    def _first_milk(self) -> str:
        return next(str(item["title"]) for item in self.ana.items if "milk" in str(item["title"]))

    def keep(self) -> None:
        """Ana keeps what is shown of each conflict."""
        self.ana.order("keep")

    def _order_both(self, do: str, **more: object) -> None:
        for side in self.sides:
            side.order(do, **more)

    def _has(self, title: str, side: Side) -> bool:
        return any(str(item["title"]).startswith(title) for item in side.items)

    # -- what is so
    def is_same(self) -> bool:
        """Whether both sides have the same items, conflicts included."""
        return bool(self.ana.items) and self.ana.items == self.ben.items

    def wait_same(self) -> bool:
        """Wait until both sides are the same; whether they are."""
        return self._wait_quietly(self.is_same)

    def wait_settled(self) -> bool:
        """Wait until both sides are the same and nothing is in conflict."""
        return self._wait_quietly(lambda: self.is_same() and not any(self.conflict_lines()))

    def _wait_quietly(self, holds: Callable[[], bool]) -> bool:
        with suppress(DemoFailed):
            self._wait(holds, "both to be the same")
        return holds()

    def conflict_lines(self) -> list[str]:
        """Each conflict in words: what is shown, by whom, and what else there is."""
        lines = []
        for item in self.ana.items:
            for conflict in item["conflicts"]:  # type: ignore[attr-defined]
                others = ", ".join(
                    f"“{other['value']}” ({other['who']} {other['when']})"
                    for other in conflict["others"]
                )
                shown = f"“{item[conflict['field']]}” ({conflict['who']} {conflict['when']})"
                lines.append(f"{shown} is shown; also {others}: k keeps one")
        return lines

    # -- waiting for the two processes
    def _on_said(self) -> None:
        with self._changed:
            self._note_same()
            self._changed.notify_all()
        self._redraw()

    def _note_same(self) -> None:
        if self._same_ms is None and not self.is_cut and self.is_same():
            self._same_ms = _CLOCK.monotonic_ms()

    def _wait(self, holds: Callable[[], bool], what: str) -> None:
        until = _CLOCK.monotonic_ms() + _PATIENCE_MS
        with self._changed:
            while not holds():
                left_ms = until - _CLOCK.monotonic_ms()
                ended = [side.name for side in self.sides if side.process.poll() is not None]
                if left_ms <= 0 or ended:
                    why = f"{ended[0]}'s process ended" if ended else "no answer came"
                    raise DemoFailed(
                        f"The demo waited for {what}, and {why}.", "Start again: kith demo"
                    )
                self._changed.wait(min(left_ms, 500) / 1000)

    # -- showing
    def panels(self, keys: str = "") -> RenderableType:
        """Both sides beside each other, and below what they disagree on."""
        from rich.columns import Columns
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        width = max(38, min(console().width, 120) // 2 - 1)
        boxes = [
            Panel(
                Text("\n".join(self._lines(side))),
                title=f"{side.name} (process {side.process.pid})",
                title_align="left",
                width=width,
                border_style="yellow" if self.is_cut else "green",
            )
            for side in self.sides
        ]
        below = [Text(line, style="bold") for line in self.conflict_lines() if not self.is_cut]
        return Group(Columns(boxes, padding=(0, 1)), *below, Text(keys, style="dim"))

    def _lines(self, side: Side) -> list[str]:
        lines = [f"[{'x' if item['done'] else ' '}] {item['title']}" for item in side.items]
        lines.append("")
        lines.append(": ".join(side.did) if side.did else "")
        if self.is_cut:
            lines.append("✂ cut off; changes are kept here")
        elif self._same_ms is not None:
            lines.append(
                f"↔ joined: same after {max(0, self._same_ms - self._joined_ms) / 1000:.2f} s"
            )
        else:
            lines.append("↔ joined: comparing …")
        return lines

    def print_panels(self) -> None:
        """Print both sides as they are now."""
        console().print(self.panels())

    @contextmanager
    def live(self, keys: str) -> Iterator[Iterator[str]]:
        """Show the panels for as long as the block runs; gives the keys that are pressed."""
        from rich.live import Live

        with (
            Live(self.panels(keys), console=console(), auto_refresh=False) as shown,
            _keyboard() as typed,
        ):
            lock = threading.Lock()

            def redraw() -> None:
                with lock:
                    shown.update(self.panels(keys), refresh=True)

            self._redraw = redraw
            try:
                yield _after_each(typed, redraw)
            finally:
                self._redraw = _nothing


def _nothing() -> None:
    """Nobody looks."""


def _after_each(typed: Iterator[str], redraw: Callable[[], None]) -> Iterator[str]:
    for key in typed:
        yield key
        redraw()


@contextmanager
def _keyboard() -> Iterator[Iterator[str]]:
    """Keys as they are pressed; the terminal is as before afterwards. Ctrl-C is `q`."""
    typed: queue.Queue[str] = queue.Queue()

    def read() -> None:
        while True:
            try:
                key = click.getchar()
            except (KeyboardInterrupt, EOFError):
                key = "q"
            typed.put(key)
            if key == "q":
                return

    with _terminal_restored():
        threading.Thread(target=read, daemon=True).start()
        yield iter(typed.get, None)


@contextmanager
def _terminal_restored() -> Iterator[None]:
    try:
        import termios
    except ImportError:  # Windows: getchar changes nothing there
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
