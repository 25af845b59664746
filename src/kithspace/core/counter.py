"""What does a counter show?

A counter is a cell per feed, which holds that feed's sum, and a base: `(offset, counted sums)`.
Assigning writes a base; the value is offset + sums - counted, so that a concurrent `+=` survives.

A branch's sum contains what lies below the fork, which the feed's own sum holds too: it counts
less that (amendments, "Counters").
"""

from kithspace.core.cell import Extra
from kithspace.core.value import Form, read_int


def counter_value(extra: Extra) -> int:
    """A counter: its base's offset and what each feed added since."""
    offset, counted = base_of(extra)
    total = offset
    for feed, head in extra.sums.items():
        total += read_int(head.value) - _below(extra, feed) - counted.get(feed, 0)
    for feed, number in counted.items():
        # Of a branch, the base counted what lies below the fork with the feed itself.
        total += _below(extra, feed) if feed in extra.sums else -number
    return total


def base_of(extra: Extra) -> tuple[int, dict[bytes, int]]:
    """The winning base of a counter: its offset, and the sums that it counted."""
    if not extra.base:
        return 0, {}
    form: Form = extra.base[0].value  # type: ignore[assignment]  # a base's form
    return read_int(form[1]), {feed: read_int(number) for feed, number in form[2]}


def _below(extra: Extra, feed: bytes) -> int:
    """Of a branch: the feed's sum below the fork, which the branch's own sum contains."""
    head = extra.sums.get(feed)
    if head is None or not head.stamp.branch:
        return 0
    trunk = extra.sums.get(head.stamp.feed)
    return 0 if trunk is None else read_int(trunk.value)
