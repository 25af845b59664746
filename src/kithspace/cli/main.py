"""The command `kith`: which commands there are. Each is imported when it is called."""

from __future__ import annotations

import importlib
from typing import Final

import click

from kithspace import __version__

_COMMANDS: Final = {
    "init": ("kithspace.cli.spaces", "Make your vault on this device."),
    "space": ("kithspace.cli.spaces", "Make, list, rename or leave spaces."),
    "status": ("kithspace.cli.spaces", "Say what is in sync, and if not, why."),
    "invite": ("kithspace.cli.people", "Invite someone to a space."),
    "join": ("kithspace.cli.people", "Join a space, or add this device, by a code or link."),
    "who": ("kithspace.cli.people", "Show who is in a space."),
    "remove": ("kithspace.cli.people", "Remove someone from a space."),
    "devices": ("kithspace.cli.people", "Show, add or remove your devices."),
    "add": ("kithspace.cli.objects", "Add an object, or all records of a file."),
    "set": ("kithspace.cli.objects", "Change fields of an object."),
    "ls": ("kithspace.cli.objects", "List objects."),
    "show": ("kithspace.cli.objects", "Show an object, whole, with its conflicts."),
    "delete": ("kithspace.cli.objects", "Delete an object; it can be brought back."),
    "undelete": ("kithspace.cli.objects", "Bring a deleted object back."),
    "watch": ("kithspace.cli.objects", "Print each change until Ctrl-C."),
    "demo": ("kithspace.cli.demo", "Two people, one space, in one terminal."),
}


class _Lazy(click.Group):
    """Lists commands without importing them, so that `kith --help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        made: click.Command = getattr(importlib.import_module(module), f"{cmd_name}_command")
        return made

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in _COMMANDS.items()])


@click.group(cls=_Lazy)
@click.version_option(__version__)
def main() -> None:
    """Spaces that you share, on devices that you own."""
