"""Are live results told what changes through a reference, and large transactions kept whole?"""

import kithspace as ks
from tests.api_world import one_space, two_people


class Undertaking(ks.Object):
    name: str = ""
    is_open: bool = True


class Errand(ks.Object):
    title: str = ""
    undertaking: Undertaking | None = None
    after: "Errand | None" = None
    is_done: bool = False
    steps: list[str] = []  # noqa: RUF012 - as in the documentation


class Heard:
    """What a watch told, by title."""

    def __init__(self, results: ks.Results[Errand]) -> None:
        self.changes: list[tuple[list[str], list[str]]] = []
        self.watch = results.watch(self._take, now=False, via=lambda call: call())

    def _take(self, change: ks.Change[Errand]) -> None:
        added = [one.title for one in change.added]
        self.changes.append((added, [one.title for one in change.removed]))


def test_q3_what_is_added_with_what_it_refers_to_is_told() -> None:
    with one_space() as space:
        heard = Heard(space.all(Errand, undertaking__is_open=True))
        with space.transaction():
            target = space.add(Undertaking(name="house"))
            space.add(Errand(title="paint", undertaking=target))
        assert heard.changes == [(["paint"], [])]


def test_q3_a_change_of_an_object_of_the_same_type_that_is_referred_to_is_told() -> None:
    with one_space() as space:
        first = space.add(Errand(title="first"))
        space.add(Errand(title="second", after=first))
        whole = Heard(space.all(Errand, after__is_done=False))
        window = Heard(space.all(Errand, after__is_done=False).limit(1))
        first.is_done = True
        assert whole.changes == window.changes == [([], ["second"])]


def test_w7_a_large_list_edited_where_it_was_assigned_is_whole_everywhere() -> None:
    with two_people() as pair:
        errand = pair.mine.add(Errand(title="big"))
        with pair.mine.transaction():
            errand.steps = ["x" * 1_000] * 200
            errand.steps.insert(5, "between")
        steps = ["x" * 1_000] * 5 + ["between"] + ["x" * 1_000] * 195
        assert errand.steps == steps
        pair.sync()
        assert pair.theirs.all(Errand).one().steps == steps


def test_v14_a_list_too_large_for_a_write_is_accepted_by_peers() -> None:
    with two_people() as pair:
        plain = pair.mine.add(Errand(title="plain"))
        plain.steps = ["x" * 1_000] * 200
        pair.mine.add(Errand(title="made", steps=["y" * 1_000] * 200))
        pair.sync()
        theirs = {one.title: one.steps for one in pair.theirs.all(Errand)}
        assert theirs == {"plain": ["x" * 1_000] * 200, "made": ["y" * 1_000] * 200}
