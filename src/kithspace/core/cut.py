"""How far does a feed count?

A removal names the heads of the target's feeds that still count. These are pure functions over
what the fold says about one feed (`Cuts`) and what the gate knows of its chain (`Reach`).

Rules (security.md 5):
    C1  A block counts iff its feed's grant and the introduction of its device stand, and it is an
        ancestor-or-self, in its feed, of a listed head for every counting revoker that ends the
        grant. Several cuts: intersection. No such revoker: all count.
    C2  A cut names hashes: another history of the same length does not count.
    C3  accept-held makes ancestors-or-self of its heads count, whatever C1 says of a void grant or
        of revokers in its past; a revoker concurrent with it or after it cuts again.
    C6  A dep that is stored or held is satisfied.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from kithspace.core.credential import Head

Heads: TypeAlias = tuple[Head, ...]
Reach: TypeAlias = Callable[[Head], int]
"""How many of a feed's (or branch's) blocks are ancestors-or-self of a head: its `seq` if it is on
this chain, the length of the common part if it is on a sibling branch, 0 if it is unknown here."""

NOTHING: Final = 0


class Accepted(NamedTuple):
    """What an accept-held says about a feed's author."""

    heads: Heads
    still_bound: tuple[Heads, ...]
    """Cuts of revokers that are not in its past: they cut again."""


class Cuts(NamedTuple):
    """What the fold says about one feed."""

    is_void: bool
    """The grant, or the device's introduction, does not count: only what was accepted does."""
    bounds: tuple[Heads, ...]
    """For each counting revoker that ends the grant, the heads that it lists."""
    accepted: tuple[Accepted, ...]

    @property
    def is_open(self) -> bool:
        """Whether everything in the feed counts: the everyday case."""
        return not self.is_void and not self.bounds


EVERYTHING: Final = Cuts(is_void=False, bounds=(), accepted=())
VOID: Final = Cuts(is_void=True, bounds=(), accepted=())


def c1_length(cuts: Cuts, reach: Reach) -> int | None:
    """C1-C3: the greatest seq of a chain that counts; 0 for nothing, None for no limit.

    A head whose descent is not known yet reaches nothing: those blocks are held until it is.
    """
    if cuts.is_open:
        return None
    counted = NOTHING if cuts.is_void else _least(cuts.bounds, reach)
    return max([counted, *(c3_accepted(accepted, reach) for accepted in cuts.accepted)])


def c3_accepted(accepted: Accepted, reach: Reach) -> int:
    """C3: the greatest seq that one accept-held lets count."""
    return min(c2_reached(accepted.heads, reach), _least(accepted.still_bound, reach))


def c2_reached(heads: Heads, reach: Reach) -> int:
    """C2: the greatest seq under any of the heads, by their ids alone."""
    return max(map(reach, heads), default=NOTHING)


def c6_satisfied(*, is_stored: bool, is_held: bool) -> bool:
    """C6: whether a dep lets what names it go on; else a cut would strangle others' work."""
    return is_stored or is_held


def heads_of_feed(heads: Iterable[Head], names: frozenset[bytes]) -> Heads:
    """The heads that name a feed or one of its branches."""
    return tuple(head for head in heads if head.feed in names)


_UNLIMITED: Final = 1 << 62


def _least(bounds: tuple[Heads, ...], reach: Reach) -> int:
    return min((c2_reached(heads, reach) for heads in bounds), default=_UNLIMITED)
