"""`kith invite`, `kith join`, `kith who`, `kith remove`, `kith devices`: people and devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kithspace.cli.command import command
from kithspace.cli.times import ago, clock_time

if TYPE_CHECKING:
    from datetime import datetime

    import kithspace as ks
    from kithspace.cli.command import Session


@command("invite", "kith invite Groceries --role writer")
@click.argument("space")
@click.option("--role", type=click.Choice(["admin", "writer", "reader"]), default="writer")
@click.option("--link", "as_link", is_flag=True, help="A link instead of a code.")
@click.option("--uses", type=click.IntRange(1, 1000), default=1, help="For how many people (link).")
@click.option("--hours", type=click.FloatRange(0.01, 24 * 365), default=24, show_default=True)
@click.option("--no-wait", is_flag=True, help="Do not wait for them.")
def invite_command(
    session: Session,
    space: str,
    role: str,
    uses: int,
    hours: float,
    *,
    as_link: bool,
    no_wait: bool,
) -> None:
    """Invite someone to a space by a code, or by a link."""
    found = session.space(space, network=not no_wait)
    invitation = found.invite(role, uses=uses, hours=hours, link=as_link)
    word = invitation.link if as_link else invitation.code
    if session.voice.json:
        session.voice.record({"code": invitation.code, "link": invitation.link, "role": role})
    else:
        people = "one person" if uses == 1 else f"{uses} people"
        click.echo(f"  {word}      {role} · {people} · until {clock_time(invitation.expires)}")
        session.voice.say(f"  They type: kith join {word}")
    if no_wait:
        return
    session.voice.say("  Waiting for them (Ctrl-C stops waiting, the code stays good) …")
    for _ in range(uses):
        member = invitation.joined().result()
        session.voice.done(
            f"{member.name} joined as {member.role}.", {"joined": member.name, "role": member.role}
        )
        session.await_guest(found, member.id)


@command("join", "kith join 7-marble-salad-tiger")
@click.argument("code")
@click.option(
    "--as-device", is_flag=True, help="The code is of `kith devices add`: be that person."
)
def join_command(session: Session, code: str, *, as_device: bool) -> None:
    """Join a space, or add this device to your vault, by a code or link."""
    vault = session.vault(network=True)
    space = session.follow(vault.join(code, as_device=as_device))
    if as_device:
        session.settle()
        count = len(vault.spaces)
        session.voice.done(
            f"This device is one of {vault.name}'s now, with {count} spaces.",
            {"vault": vault.name, "id": vault.id, "spaces": count},
        )
        return
    session.voice.done(
        f"Code right; you are a {space.role} of “{space.name}”.",
        {"space": space.name, "id": space.id, "role": space.role},
    )


@command("who", "kith who Groceries")
@click.argument("space")
def who_command(session: Session, space: str) -> None:
    """Show who is in a space, and where they were last seen."""
    found = session.space(space, network=True)
    session.settle()
    rows = []
    for member in found.members:
        devices = ", ".join(device.name for device in member.devices)
        seen = _seen(member)
        if session.voice.json:
            session.voice.record(
                {"name": member.name, "role": member.role, "me": member.is_me, "devices": devices}
            )
        rows.append([f"{member.name} (you)" if member.is_me else member.name, member.role, seen])
    if not session.voice.json:
        session.voice.table(["NAME", "ROLE", "SEEN"], rows)


def _seen(member: ks.Member) -> str:
    if member.is_me or member.is_here:
        return "here now"
    return _last_seen(member.last_seen)


def _last_seen(when: datetime | None) -> str:
    return f"seen {ago(when)}" if when else "not seen yet"


@command("remove", "kith remove Groceries Ben")
@click.argument("space")
@click.argument("member")
def remove_command(session: Session, space: str, member: str) -> None:
    """Remove someone from a space; says first what that can and cannot do."""
    found = session.space(space, network=True)
    gone = found.member(member)
    words = (
        f"  From now on {gone.name} receives nothing new and their changes are refused."
        f" What {gone.name} already has stays with them; nobody can take that back."
    )
    if not session.voice.confirm(gone.name, words):
        session.voice.say("Nothing was changed.")
        return
    outcome = gone.remove()
    session.voice.done(
        f"Removed. New key for {len(found.members)} members.",
        {"removed": gone.name, "will": outcome.will, "will_not": outcome.will_not},
    )
    session.settle()


@click.group("devices", short_help="Show, add or remove your devices.")
def devices_command() -> None:
    """Show, add or remove your devices."""


@command("ls", "kith devices ls")
def ls_command(session: Session) -> None:
    """List your devices."""
    rows = []
    for device in session.vault().devices:
        seen = "this one" if device.is_this_one else _last_seen(device.last_seen)
        if session.voice.json:
            session.voice.record({"device": device.name, "this": device.is_this_one})
        rows.append([device.name, seen])
    if not session.voice.json:
        session.voice.table(["DEVICE", "SEEN"], rows)


@command("add", "kith devices add")
def add_command(session: Session) -> None:
    """Make a code for another device of yours, and wait for it."""
    vault = session.vault(network=True)
    known = {device.id for device in vault.devices}
    invitation = vault.add_device()
    if session.voice.json:
        session.voice.record({"code": invitation.code})
    else:
        click.echo(f"  {invitation.code}      until {clock_time(invitation.expires)}")
        session.voice.say(f"  On the other device: kith join {invitation.code} --as-device")
        session.voice.hint("  That device will be you: type the code only on your own.")
    invitation.joined().result()
    session.voice.done("Your other device is here.", {"joined": "device"})
    session.await_device(known)


@command("remove", "kith devices remove phone")
@click.argument("name")
def remove_device_command(session: Session, name: str) -> None:
    """Remove a device that is lost or retired, in all spaces."""
    device = session.vault(network=True).device(name)
    words = (
        f"  From now on “{device.name}” receives nothing new and what it writes is refused."
        " What is on it stays readable to whoever unlocks it."
    )
    if session.voice.confirm(device.name, words):
        device.remove()
        session.voice.done(f"“{device.name}” removed.", {"removed": device.name})
        session.settle()


for _made in (ls_command, add_command, remove_device_command):
    devices_command.add_command(_made)
