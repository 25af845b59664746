"""How does a command speak? Tables, words, JSON lines, errors.

Data goes to stdout, words and progress to stderr. Colour only on a terminal and without NO_COLOR,
and never colour alone.
"""

import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Self

import click

from kithspace.adapters.system import SystemClock
from kithspace.errors import KithError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress

_REPORT_EVERY_MS: Final = 10_000
_CLOCK: Final = SystemClock()


@dataclasses.dataclass(slots=True)
class Voice:
    """What was asked of the output: `--json`, `--quiet`, `--yes`, `--debug`."""

    json: bool = False
    quiet: bool = False
    yes: bool = False
    debug: bool = False

    def done(self, words: str, record: Mapping[str, object] | None = None) -> None:
        """Say that something is done: a line with a tick, or one JSON object."""
        if self.json:
            self.record(record or {"done": words})
        elif not self.quiet:
            click.secho("✓ ", fg="green", nl=False, err=True)
            click.echo(words, err=True)

    def say(self, words: str) -> None:
        """Words for a person, on stderr."""
        if not self.json and not self.quiet:
            click.echo(words, err=True)

    def hint(self, words: str) -> None:
        """A hint, on stderr."""
        if not self.json and not self.quiet:
            click.secho(words, fg="yellow", err=True)

    def record(self, record: Mapping[str, object]) -> None:
        """One JSON object on one line of stdout."""
        click.echo(json.dumps(record, ensure_ascii=False, default=str))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A table on stdout, as wide as the terminal allows."""
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False, show_edge=False)
        for head in heads:
            table.add_column(head, overflow="fold")
        for row in rows:
            table.add_row(*row)
        console().print(table)

    def fail(self, error: KithError) -> None:
        """An error on stderr, in words or as JSON; the traceback only with `--debug`."""
        if self.json:
            record = {"code": error.code, "message": str(error), "next": error.next}
            click.echo(json.dumps({"error": record}, ensure_ascii=False), err=True)
        else:
            click.secho("✗ ", fg="red", nl=False, err=True)
            click.echo(str(error), err=True)

    def confirm(self, name: str, what: str) -> bool:
        """Ask for `name` to be typed before `what`, which cannot be undone; `--yes` skips it."""
        if self.yes:
            return True
        click.echo(what, err=True)
        return bool(
            click.prompt(f"  Type {name} to go on", default="", show_default=False, err=True)
            == name
        )


class Progress:
    """Counts steps of a long piece of work and shows them.

    Args:
        voice: Where to show it.
        title: What is done, such as "Adding 3,201 movies".
        total: How many steps there are.
    """

    def __init__(self, voice: Voice, title: str, total: int) -> None:
        self._voice, self._title, self._total = voice, title, total
        self._done = 0
        self._reported_ms = _CLOCK.monotonic_ms()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty() and not self._voice.quiet and not self._voice.json:
            self._bar = _rich_bar()
            self._bar.start()
            self._bar.add_task(self._title, total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, count: int) -> None:
        """`count` more are done."""
        self._done += count
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0], count)
        elif _CLOCK.monotonic_ms() - self._reported_ms >= _REPORT_EVERY_MS:
            self._reported_ms = _CLOCK.monotonic_ms()
            self._voice.say(f"{self._title}: {self._done:,} of {self._total:,}")


def _rich_bar() -> "RichProgress":
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        console=console(stderr=True),
    )


def console(*, stderr: bool = False) -> "Console":
    """A rich console that leaves ids and numbers uncoloured."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty())
