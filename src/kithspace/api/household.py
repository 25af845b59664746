"""What do the spaces of one open vault share?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kithspace.api.session import Session
    from kithspace.core.ids import SpaceId


class Household:
    """What sessions of one vault share.

    Args:
        app: Who acts, in history.
        entropy: Random bytes.
        session_of: Opens a space of the vault; None if it is not in it.
        run_later: Runs on the thread for callbacks.
    """

    def __init__(
        self,
        app: str,
        entropy: Callable[[int], bytes],
        session_of: Callable[[SpaceId], Session | None],
        run_later: Callable[[Callable[[], None]], None],
    ) -> None:
        self.app = app
        self.entropy = entropy
        self.session_of = session_of
        self.run_later = run_later
        self.problem: Exception | None = None
        self.told: set[str] = set()
        self.sessions: dict[SpaceId, Session] = {}

    def check_open(self) -> None:
        """Refuse use after close, or in a forked process.

        Raises:
            Closed: The vault was closed.
            Forked: This is a child of the process that opened the vault.
        """
        if self.problem is not None:
            raise self.problem

    def refuse(self, problem: Exception) -> None:
        """From now on every use raises this."""
        self.problem = problem
        for session in self.sessions.values():
            session.forget()

    def end(self, problem: Exception) -> None:
        """The vault is closed: nobody is told anything any more."""
        self.refuse(problem)
        for session in self.sessions.values():
            session.followers.end()
