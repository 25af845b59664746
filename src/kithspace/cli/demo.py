"""`kith demo`: two real processes share a list, are cut off, both edit, and meet again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kithspace.cli import demo_peer
from kithspace.cli.command import command
from kithspace.cli.demo_stage import Stage

if TYPE_CHECKING:
    from kithspace.cli.command import Session

_KEYS = "c cut · j join · e edit · k keep · q quit          the whole program: kith demo --source"


@command("demo", "kith demo --auto")
@click.option("--auto", is_flag=True, help="Run by itself; exit 0 only if both sides are the same.")
@click.option("--source", is_flag=True, help="Print the program that each side runs.")
def demo_command(session: Session, *, auto: bool, source: bool) -> None:
    """Two people, one space, in one terminal: cut them off, edit, and let them meet."""
    if source:
        click.echo(Path(demo_peer.__file__).read_text(encoding="utf-8"))
        return
    with Stage() as stage:
        if auto or not (sys.stdin.isatty() and sys.stdout.isatty()):
            is_same = _play(stage)
        else:
            is_same = _follow_keys(stage)
    if not is_same:
        session.voice.hint("The two sides are not the same.")
        sys.exit(1)


def _play(stage: Stage) -> bool:
    """The whole story, one act after the other, each shown when it has happened."""
    stage.meet_first()
    _show(stage, "Ben joined by Ana's code")
    stage.cut()
    stage.edit()
    _show(stage, "Cut off from each other, both edit")
    stage.join()
    is_same = stage.wait_same()
    _show(stage, "Joined again")
    is_told = any(stage.conflict_lines())
    stage.keep()
    is_same = stage.wait_settled() and is_same and is_told
    _show(stage, "Ana kept one")
    return is_same


def _show(stage: Stage, title: str) -> None:
    click.echo(f"\n{title}")
    stage.print_panels()


def _follow_keys(stage: Stage) -> bool:
    """Keys act at once; the panels follow what the two processes say."""
    with stage.live(_KEYS) as keys:
        stage.meet_first()
        acts = {"c": stage.cut, "j": stage.join, "e": stage.edit, "k": stage.keep}
        for key in keys:
            if key == "q":
                break
            if key in acts:
                acts[key]()
    return stage.is_cut or stage.wait_same()
