"""What have all commands in common: options, one session, errors as sentences, exit codes."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from kithspace.cli.output import Voice
from kithspace.cli.values import WrongInput
from kithspace.errors import KithError

if TYPE_CHECKING:
    from collections.abc import Callable

    import kithspace as ks

T = TypeVar("T")

INTERRUPTED: Final = 130
_MOMENT_SECONDS: Final = 1.0
_REPORT_SECONDS: Final = 0.5
_PATIENCE_SECONDS: Final = 20.0
"""For how long `kith invite` stays for somebody who was let in and is away again."""


class Unexpected(KithError):
    """A mistake of kithspace's own; nothing that was acknowledged is lost by it."""

    @classmethod
    def of(cls, error: Exception) -> Unexpected:
        """Name the kind of error alone: its text may hold values."""
        return cls(
            f"Something went wrong inside kithspace ({type(error).__name__}).",
            "Nothing that was saved is lost. Run it again with --debug to see where.",
        )


class Session:
    """One call of `kith`: how it speaks, and the vault it works on.

    Args:
        voice: How to speak.
        vault: A name or a path, or None for the default vault.
    """

    def __init__(self, voice: Voice, vault: str | None) -> None:
        self.voice = voice
        self.vault_word = vault or os.environ.get("KITH_VAULT")
        self._opened: ks.Vault | None = None

    def vault(self, *, network: bool = False) -> ks.Vault:
        """Open the vault, asking for a passphrase on a terminal if one is needed."""
        import kithspace as ks

        if self._opened is None:
            try:
                self._opened = self._open(network=network, passphrase=None)
            except ks.VaultLocked:
                if not sys.stdin.isatty():
                    raise
                passphrase = click.prompt("Passphrase", hide_input=True, err=True)
                self._opened = self._open(network=network, passphrase=passphrase)
        return self._opened

    def _open(self, *, network: bool, passphrase: str | None) -> ks.Vault:
        import kithspace as ks

        word = self.vault_word
        if word is not None and (os.sep in word or Path(word).is_dir()):
            return ks.open_vault(word, passphrase=passphrase, network=network)
        return ks.open_vault(name=word, passphrase=passphrase, network=network)

    def make(self, name: str | None) -> ks.Vault:
        """Make the vault of this device, the one that is meant when none is named.

        Raises:
            WrongInput: There is one already.
        """
        from kithspace.api.opening import find_place, login_name, make_default

        word = self.vault_word
        if word is not None:
            return self.vault()
        name = name or login_name()
        folder = find_place(None, name).folder
        if folder is not None and folder.exists():
            raise WrongInput(
                f"There is a vault “{name}” on this device.", "kith space ls lists it."
            )
        self.vault_word = name
        made = self.vault()
        make_default(name)
        return made

    def space(self, name: str, *, network: bool = False) -> ks.Space:
        """Return a space that there is.

        Raises:
            NotFound: There is none of that name or id.
        """
        return self.vault(network=network).space(name, create=False)

    def settle(self) -> None:
        """Give others on this computer a moment to be found, and who is here time to compare."""
        import kithspace as ks

        spaces = [space for space in self.vault().spaces if len(_other_devices(space)) > 0]
        if not spaces:
            return
        with contextlib.suppress(ks.TimedOut):
            spaces[0].synced().result(timeout=_MOMENT_SECONDS)
        for space in spaces:
            self.hand_over(space)

    def follow(self, pending: ks.Pending[T]) -> T:
        """Wait for something; say what it waits for."""
        import kithspace as ks

        said = ""
        while True:
            try:
                return pending.result(timeout=_REPORT_SECONDS)
            except ks.TimedOut:
                if pending.words != said:
                    said = pending.words
                    self.voice.say(f"  {said}")

    def hand_over(self, space: ks.Space, guest: str | None = None) -> None:
        """Stay until those who are here have everything, and we theirs; say how far it is.

        Args:
            space: What is to be the same.
            guest: Id of somebody who was let in: waited for until they have everything.
        """
        import kithspace as ks

        said, pending = "", space.synced()
        patience_seconds = _PATIENCE_SECONDS if guest else 0
        while patience_seconds > 0 or _is_somebody_here(space):
            patience_seconds -= _REPORT_SECONDS
            if guest is not None and any(d.has_everything for d in space.member(guest).devices):
                return
            try:
                pending.result(timeout=_REPORT_SECONDS)
            except ks.TimedOut:
                if (words := space.status.words) != said:
                    said = words
                    self.voice.say(f"  {words}")
            else:
                if guest is None:
                    return
                threading.Event().wait(_REPORT_SECONDS)

    def wait_for_device(self, known: set[str]) -> None:
        """Stay until a device that was not known has everything."""
        patience_seconds = _PATIENCE_SECONDS
        while patience_seconds > 0:
            new = [device for device in self.vault().devices if device.id not in known]
            if any(device.has_everything for device in new):
                break
            threading.Event().wait(_REPORT_SECONDS)
            patience_seconds -= _REPORT_SECONDS
        for space in self.vault().spaces:
            self.hand_over(space)

    def close(self) -> None:
        """Close the vault if it was opened."""
        if self._opened is not None:
            self._opened.close()


_COMMON: Final = (
    click.Option(["--vault"], metavar="NAME|PATH", help="Work on this vault."),
    click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object a line."),
    click.Option(["--quiet"], is_flag=True, help="Print only data and errors."),
    click.Option(["--yes"], is_flag=True, help="Do not ask."),
    click.Option(["--debug"], is_flag=True, help="Show the traceback of an error."),
)


def _other_devices(space: ks.Space) -> list[ks.Device]:
    return [one for member in space.members for one in member.devices if not one.is_this_one]


def _is_somebody_here(space: ks.Space) -> bool:
    return any(device.is_here for device in _other_devices(space))


def command(name: str, example: str) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command whose function gets a `Session` first.

    Args:
        name: As typed.
        example: The line that opens its help.
    """

    def wrap(act: Callable[..., None]) -> click.Command:
        @functools.wraps(act)
        def run(
            vault: str | None,
            as_json: bool,  # noqa: FBT001 - click passes options by name
            quiet: bool,  # noqa: FBT001
            yes: bool,  # noqa: FBT001
            debug: bool,  # noqa: FBT001
            **rest: Any,  # noqa: ANN401
        ) -> None:
            voice = Voice(json=as_json, quiet=quiet, yes=yes, debug=debug)
            _run(act, Session(voice, vault), rest)

        made = click.command(name, short_help=(act.__doc__ or "").split("\n", 1)[0])(run)
        made.help = f"\b\n  {example}\n\n{act.__doc__ or ''}"
        made.params = [*made.params, *_COMMON]
        return made

    return wrap


def _run(act: Callable[..., None], session: Session, rest: dict[str, object]) -> None:
    """Call a command; every error of ours becomes a sentence and an exit code."""
    if not session.voice.debug:
        # The log is for programmers; a person gets sentences.
        logging.getLogger("kithspace").addHandler(logging.NullHandler())
    try:
        try:
            act(session, **rest)
        finally:
            session.close()
    except KithError as error:
        if session.voice.debug:
            raise
        session.voice.fail(error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(INTERRUPTED)
    except (SystemExit, click.exceptions.Exit, click.ClickException):
        raise
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if session.voice.debug:
            raise
        session.voice.fail(Unexpected.of(error))
        sys.exit(1)
