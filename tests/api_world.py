"""Vaults as a program sees them, in memory and without a network."""

from collections.abc import Iterator
from contextlib import contextmanager

import kithspace as ks
from kithspace.testing.simulated_time import SeededEntropy
from tests import vault_pairs


class Person:
    """A vault, and the engine under it."""

    def __init__(self, name: str, seed: int = 0) -> None:
        self.engine = vault_pairs.open_vault(name, seed=seed)
        self.vault = ks.Vault(self.engine, "test", SeededEntropy(seed, f"api {name}"))


@contextmanager
def one_space(name: str = "Groceries") -> Iterator[ks.Space]:
    """Ana's space."""
    ana = Person("Ana")
    with ana.vault:
        yield ana.vault.space(name)


class Pair:
    """Ana and Ben share a space."""

    def __init__(self) -> None:
        self.ana = Person("Ana")
        self.ben = Person("Ben", seed=1)
        self.mine = self.ana.vault.space("Groceries")
        code = self.mine.invite().code
        vault_pairs.join(self.ben.engine, self.ana.engine, code)
        self.theirs = self.ben.vault.space("Groceries", create=False)

    def sync(self) -> None:
        """Bring both into step."""
        vault_pairs.sync(self.ana.engine, self.ben.engine)

    def close(self) -> None:
        """Close both."""
        self.ana.vault.close()
        self.ben.vault.close()


@contextmanager
def two_people() -> Iterator[Pair]:
    """Ana and Ben, with a space that both are in."""
    pair = Pair()
    try:
        yield pair
    finally:
        pair.close()
