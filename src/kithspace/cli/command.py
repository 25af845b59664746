"""What have all commands in common: options, one session, errors as sentences, exit codes."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from kithspace.cli.output import Voice
from kithspace.cli.values import WrongInput
from kithspace.errors import KithError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
        vault: A name or a path, or None for the one that `open_vault()` means.
    """

    def __init__(self, voice: Voice, vault: str | None) -> None:
        self.voice = voice
        self.vault_word = vault
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
        from kithspace.api.opening import read_vault_word

        path, name = read_vault_word(self.vault_word)
        return ks.open_vault(path, name=name, passphrase=passphrase, network=network)

    def make(self, name: str | None) -> ks.Vault:
        """Make the vault of this device, the one that is meant when none is named.

        Raises:
            WrongInput: There is one already.
        """
        from kithspace.api.opening import VAULT_VARIABLE, find_place, login_name, make_default

        if self.vault_word is not None or VAULT_VARIABLE in os.environ:
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

        spaces = [space for space in self.vault().spaces if _other_devices(space)]
        if not spaces:
            return
        with contextlib.suppress(ks.TimedOut):
            spaces[0].synced().result(timeout=_MOMENT_SECONDS)
        for space in spaces:
            self.hand_over(space)

    def follow(self, pending: ks.Pending[T]) -> T:
        """Wait for something; say what it waits for."""
        said = ""
        while (done := _wait_a_while(pending)) is None:
            said = self._say_once(pending.words, said)
        return done[0]

    def hand_over(self, space: ks.Space) -> None:
        """Stay until those who are here have everything, and we theirs; say how far it is."""
        said, pending = "", space.synced()
        while _is_somebody_here(space) and _wait_a_while(pending) is None:
            said = self._say_once(space.status.words, said)

    def await_guest(self, space: ks.Space, guest: str) -> None:
        """Stay until somebody who was let in has everything.

        Args:
            space: Where to.
            guest: The member's id.
        """
        self._stay_for(lambda: space.member(guest).devices, space)

    def await_device(self, known: set[str]) -> None:
        """Stay until a device of one's own that was not known has everything."""
        vault = self.vault()
        self._stay_for(lambda: [one for one in vault.devices if one.id not in known])
        for space in vault.spaces:
            self.hand_over(space)

    def _stay_for(
        self, devices: Callable[[], Sequence[ks.Device]], space: ks.Space | None = None
    ) -> None:
        """Stay until one of the devices has everything; while all are away, only for a time."""
        said, patience_seconds = "", _PATIENCE_SECONDS
        while not any(device.has_everything for device in devices()):
            is_here = any(device.is_here for device in devices())
            if patience_seconds <= 0 and not is_here:
                return
            patience_seconds -= _REPORT_SECONDS
            threading.Event().wait(_REPORT_SECONDS)
            if space is not None:
                said = self._say_once(space.status.words, said)

    def _say_once(self, words: str, said: str) -> str:
        """Say words that are not the last ones again; return what was said last."""
        if words != said:
            self.voice.say(f"  {words}")
        return words

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


def _wait_a_while(pending: ks.Pending[T]) -> tuple[T] | None:
    """Return the result alone in a tuple; None if it has not come yet."""
    import kithspace as ks

    try:
        return (pending.result(timeout=_REPORT_SECONDS),)
    except ks.TimedOut:
        return None


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
