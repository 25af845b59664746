"""`kith init`, `kith space`, `kith status`: the vault and its spaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kithspace.cli.command import command

if TYPE_CHECKING:
    import kithspace as ks
    from kithspace.cli.command import Session


@command("init", "kith init --name Ana")
@click.option("--name", metavar="NAME", help="How others see you; your login name if left out.")
def init_command(session: Session, name: str | None) -> None:
    """Make your vault on this device."""
    vault = session.make(name)
    record = {"vault": vault.name, "id": vault.id}
    session.voice.done(
        f"Vault “{vault.name}” made on this device. Nothing leaves it until you invite or join."
        " Next: kith space new Groceries",
        record,
    )


@click.group("space", short_help="Make, list, rename or leave spaces.")
def space_command() -> None:
    """Make, list, rename or leave spaces."""


@command("new", "kith space new Groceries")
@click.argument("name")
def new_command(session: Session, name: str) -> None:
    """Make a space; you are its admin."""
    space = session.vault().space(name)
    session.voice.done(
        f"Space “{space.name}” made; you are its {space.role}.",
        {"space": space.name, "id": space.id, "role": space.role},
    )


@command("ls", "kith space ls")
def ls_command(session: Session) -> None:
    """List your spaces."""
    spaces = list(session.vault().spaces)
    if session.voice.json:
        for space in spaces:
            session.voice.record({"space": space.name, "id": space.id, "role": space.role})
        return
    if not spaces:
        session.voice.say("You have no space yet. Make one: kith space new Groceries")
        return
    rows = [[s.name, s.role, str(len(s.members)), s.id[:4]] for s in spaces]
    session.voice.table(["SPACE", "ROLE", "MEMBERS", "ID"], rows)


@command("rename", "kith space rename Groceries Food")
@click.argument("space")
@click.argument("name")
def rename_command(session: Session, space: str, name: str) -> None:
    """Give a space another name, for everybody in it."""
    found = session.space(space)
    found.rename(name)
    session.voice.done(f"“{space}” is now “{name}”.", {"space": name, "id": found.id})


@command("leave", "kith space leave Groceries")
@click.argument("space")
def leave_command(session: Session, space: str) -> None:
    """Leave a space; your copy stays, readable."""
    found = session.space(space)
    words = (
        f"  From now on you receive nothing new of “{found.name}”, and others refuse your"
        " changes.\n  What you have stays here; what others have stays with them."
    )
    if session.voice.confirm(found.name, words):
        found.leave()
        session.voice.done(f"You left “{found.name}”.", {"left": found.name, "id": found.id})


for _made in (new_command, ls_command, rename_command, leave_command):
    space_command.add_command(_made)


@command("status", "kith status")
@click.option("--sizes", is_flag=True, help="Also show what uses room on this disk.")
@click.argument("space", required=False)
def status_command(session: Session, space: str | None, *, sizes: bool) -> None:
    """Say what is in sync, and if not, why."""
    vault = session.vault(network=True)
    spaces = [session.space(space)] if space else list(vault.spaces)
    session.settle()
    for each in spaces:
        status = each.status
        record = {"space": each.name, "in_sync": status.in_sync, "words": status.words}
        if session.voice.json:
            session.voice.record(record)
        else:
            mark, colour = ("✓", "green") if status.in_sync else ("✗", "red")
            click.echo(f"{each.name}   {click.style(mark, fg=colour)} {status.words}")
        if sizes:
            _show_sizes(session, each)
    if not spaces:
        session.voice.say("You have no space yet. Make one: kith space new Groceries")


def _show_sizes(session: Session, space: ks.Space) -> None:
    if session.voice.json:
        session.voice.record({"space": space.name, "sizes": dict(space.sizes)})
        return
    rows = [[what, f"{size / 1000:,.0f} kB"] for what, size in space.sizes.items()]
    session.voice.table(["WHAT", "ON DISK"], rows)
