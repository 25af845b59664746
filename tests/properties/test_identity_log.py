"""The identity log on random entries, against the slow model."""

import random

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core.identity import SignedEntry, decode_entry
from kithspace.core.identity_log import EntryLog, fold_entries, i3_rank, standing_of
from tests.models.fold_model import IdentityModel
from tests.people import Hands, Person

HANDS = [Hands.of(f"hands {n}") for n in range(6)]
ANA = Person("Ana", has_phrase=True)


def random_log(seed: int, steps: int = 10) -> list[SignedEntry]:
    """Entries that each stand in their own past, on any few of the earlier ones."""
    rnd = random.Random(seed)  # noqa: S311
    made = [ANA.genesis]
    log = EntryLog.empty().with_entries([decode_entry(ANA.genesis)])
    assert log is not None
    assert ANA.phrase is not None
    every = [ANA.hands, *HANDS]
    for _ in range(steps):
        after = rnd.sample(made, min(len(made), rnd.choice([1, 1, 2])))
        by, other = rnd.choice([*(h.sign for h in every), ANA.phrase]), rnd.choice(every)
        possible = [
            ANA.add(other, by, after),
            ANA.add(other, by, after),
            ANA.drop(other, by, after),
            ANA.rotate(rnd.choice(every), other, after),
        ]
        entry = rnd.choice(possible)
        grown = log.with_entries([decode_entry(entry)])
        if grown is not None:
            log = grown
            made.append(entry)
    return made


@given(seed=st.integers(0, 1 << 32), part=st.integers(0, 1 << 32))
def test_i4_i5_the_log_folds_as_the_model_does(seed: int, part: int) -> None:
    entries = [decode_entry(one) for one in random_log(seed)]
    log, model = EntryLog.empty().with_entries(entries), IdentityModel(entries)
    assert log is not None
    rnd = random.Random(part)  # noqa: S311
    some = frozenset(e.id for e in rnd.sample(entries, rnd.randint(1, len(entries))))
    for given_ids in (frozenset(log.entries), some):
        kept = fold_entries(log, given_ids)
        assert kept == model.fold(given_ids)
        assert list(standing_of(log, kept).live) == model.live(kept)
        for hands in HANDS:
            assert i3_rank(log, given_ids, hands.key) == model.rank(given_ids, hands.key)


@given(seed=st.integers(0, 1 << 32))
def test_i2_the_order_of_arrival_is_nothing(seed: int) -> None:
    made = random_log(seed)
    entries = [decode_entry(one) for one in made]
    shuffled = random.Random(seed).sample(entries, len(entries))  # noqa: S311
    one, other = EntryLog.empty().with_entries(entries), EntryLog.empty().with_entries(shuffled)
    assert one is not None
    assert other is not None
    every = frozenset(one.entries)
    assert fold_entries(one, every) == fold_entries(other, every)
