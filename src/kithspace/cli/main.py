"""The command `kith`."""

import click

from kithspace import __version__


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Spaces that you share, on devices that you own."""
