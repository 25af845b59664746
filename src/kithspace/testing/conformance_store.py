# ruff: noqa: S101, D102 - a suite of tests that others derive from: asserts, names as sentences
"""Does a store keep what the port `Store` promises?

Whoever writes one derives a test class from these, with pytest:

    class TestMyStore(
        StoreBasics, StoreAtomicity, StoreOrder, StoreErasure, StoreWire, StoreQueries
    ):
        @pytest.fixture
        def opener(self, tmp_path: Path) -> StoreOpener:
            return MyOpener(tmp_path)

`StoreQueries` is in `conformance_queries`. A store that survives its process adds
`StoreReopening`. A suite that tests nothing proves nothing: deriving without one of the six
raises `TypeError`, and each test sees its own rows come back.

Rules: data.md B5 (atomicity), B7 (blocks as sent), F2 (doubt); the docstrings of `ports.Store`
and `core.state.State`.
"""

from typing import Final

from kithspace.core.effects import (
    DropBlock,
    DropHeld,
    DropItem,
    DropObject,
    DropTexts,
    MoveBlocks,
    PutAbout,
    PutText,
    PutTouched,
    Row,
)
from kithspace.testing import store_rows as some
from kithspace.testing.store_suite import Breaking, Interrupted, StoreOpener, StoreSuite

_TEXT: Final = b"\x65notes"


class StoreBasics(StoreSuite):
    """What is written is there, and reads as it was written."""

    def test_a_new_store_is_empty(self, opener: StoreOpener) -> None:
        store = opener.open()
        state = store.state()
        assert not any(state.feeds())
        assert state.last_object() == 0
        store.commit([some.feed(1)])
        assert [row.n for row in store.state().feeds()] == [1]

    def test_every_row_reads_as_it_was_written(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        seen = repr(some.look_at(store.state()))
        for row in some.EVERYTHING:
            if not isinstance(row, PutText | PutTouched | PutAbout):
                assert repr(row) in seen
        state = store.state()
        assert list(state.texts(1, _TEXT)) == [b"snapshot", b"update"]
        assert list(state.touched(1)) == [1 << 32 | 1, 1 << 32 | 2]
        assert list(state.objects_touched_by([1 << 32 | 1, 1 << 32 | 2])) == [1, 2]
        assert state.about("floor") == b"7"

    def test_what_was_never_written_is_not_there(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        state = store.state()
        assert state.feed(1) is not None
        assert state.feed(9) is None
        assert state.feed(b"nobody") is None
        assert state.block(1, 9) is None
        assert state.id_at(9, 0) is None
        assert state.object(9) is None
        assert state.object(bytes(16)) is None
        assert state.item(1, b"nothing") is None
        assert state.key(bytes(16)) is None
        assert state.about("nothing") is None
        assert list(state.blocks(1, 2, 2)) == []

    def test_a_row_replaces_the_one_with_its_key(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        newer = (
            some.feed(1, 4),
            some.feed(2, 4, branch_of=1)._replace(opening=b"late"),
            some.block(1, 2, sig=b"other"),
            some.an_object(1, '{"title":"Oat milk"}'),
            some.an_object(2, '{"title":"Eggs"}', kind=2),
            some.item(1, b"\x61a\x61b", b"\x61a", b"newer"),
            some.credential(2, 1)._replace(counts=0),
        )
        store.commit(newer)
        seen = repr(some.look_at(store.state()))
        for row in newer:
            assert repr(row) in seen
        assert "Milk" not in seen

    def test_an_id_is_the_one_that_the_next_block_names(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit([some.feed(1, 3), some.block(1, 1), some.block(1, 2)])
        state = store.state()
        ids = [state.id_at(1, seq) for seq in range(4)]
        assert ids == [*(some.id_of("block", 100 + seq) for seq in range(3)), None]


class StoreAtomicity(StoreSuite):
    """A commit is all or nothing (B5)."""

    def test_b5_a_commit_that_breaks_leaves_nothing(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        before = some.look_at(store.state())
        rows: list[Row] = [
            some.feed(1, 4),
            some.feed(3),
            some.block(1, 3),
            some.an_object(1, "[]"),
            some.an_object(3),
            PutTouched(3, 1 << 32 | 3),
            DropItem(1, b"\x61a\x61b"),
            DropTexts(1, _TEXT),
            DropBlock(1, 1),
            MoveBlocks(1, 3, 2),
            DropObject(2),
            PutAbout("floor", b"8"),
        ]
        for at in range(len(rows)):
            try:
                store.commit(Breaking(rows, at))
            except Interrupted:
                pass
            else:
                raise AssertionError("the commit must fail as its rows do")
            assert some.look_at(store.state()) == before
        store.commit(rows)
        assert some.look_at(store.state()) != before

    def test_b5_after_a_failure_the_next_commit_is_whole(self, opener: StoreOpener) -> None:
        store = opener.open()
        try:
            store.commit(Breaking(some.EVERYTHING, len(some.EVERYTHING) - 1))
        except Interrupted:
            store.commit(some.EVERYTHING)
        assert [row.n for row in store.state().feeds()] == [1, 2]
        assert store.state().last_object() == 2


class StoreOrder(StoreSuite):
    """Rows are carried out in their order, and lists come sorted as they must."""

    def test_rows_are_carried_out_in_their_order(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(
            [
                some.an_object(1, '"first"'),
                DropObject(1),
                some.an_object(1, '"second"'),
                PutText(1, _TEXT, 1, b"old"),
                DropTexts(1, _TEXT),
                PutText(1, _TEXT, 0, b"new"),
                some.block(1, 1),
                PutTouched(1, 1 << 32 | 1),
                DropBlock(1, 1),
                some.block(1, 1, sig=b"again"),
                PutTouched(2, 1 << 32 | 1),
            ]
        )
        state = store.state()
        assert state.object(1) == some.an_object(1, '"second"')
        assert list(state.texts(1, _TEXT)) == [b"new"]
        assert state.block(1, 1) == some.block(1, 1, sig=b"again")
        assert list(state.objects_touched_by([1 << 32 | 1])) == [2]

    def test_lists_come_sorted(self, opener: StoreOpener) -> None:
        store = opener.open()
        rows: list[Row] = [some.feed(n) for n in (3, 1, 2)]
        rows += [some.credential(n, depth) for n, depth in ((1, 2), (3, 0), (2, 0))]
        rows += [some.block(1, seq) for seq in (3, 1, 2)]
        rows += [some.held(1, seq, side) for seq, side in ((2, 0), (1, 1), (1, 0))]
        rows += [PutText(1, _TEXT, n, b"%d" % n) for n in (10, 9, 0)]
        rows += [some.item(1, b"\x61a" + key, b"\x61a") for key in (b"\x61c", b"\x02", b"\x61b")]
        rows += [PutTouched(1, 1 << 32 | seq) for seq in (3, 1, 2)]
        store.commit(rows)
        state = store.state()
        assert [row.n for row in state.feeds()] == [1, 2, 3]
        assert [row.id for row in state.credentials()] == [
            some.id_of("credential", n) for n in (2, 3, 1)
        ]
        assert [row.seq for row in state.blocks(1, 1, 4)] == [1, 2, 3]
        assert list(state.held(some.id_of("feed", 1))) == [
            some.held(1, seq, side) for seq, side in ((1, 0), (1, 1), (2, 0))
        ]
        assert list(state.texts(1, _TEXT)) == [b"0", b"9", b"10"]
        assert [row.path[2:] for row in state.items(1, b"\x61a")] == [b"\x02", b"\x61b", b"\x61c"]
        assert list(state.touched(1)) == [1 << 32 | seq for seq in (1, 2, 3)]

    def test_children_are_found_by_their_parent_alone(self, opener: StoreOpener) -> None:
        store = opener.open()
        inner = some.item(1, b"\x61a\x61b\x61c", b"\x61a\x61b")
        child = some.item(1, b"\x61a\x61b", b"\x61a")
        store.commit(
            [child, inner, some.item(1, b"\x62aa\x61b", b"\x62aa"), some.item(2, b"\x61a", b"")]
        )
        state = store.state()
        assert list(state.items(1, b"\x61a")) == [child]
        assert list(state.items(1, b"\x61a\x61b")) == [inner]
        assert list(state.items(1, b"")) == []


class StoreErasure(StoreSuite):
    """What is dropped cannot be found by any way; what is moved is found at its new place only."""

    def test_a_dropped_object_leaves_only_what_touched_it(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        state = store.state()
        assert state.item(1, b"\x61a\x61b") is not None
        store.commit([DropObject(1)])
        assert state.object(1) is None
        assert state.object(some.id_of("object", 1, 16)) is None
        assert list(state.items(1, b"\x61a")) == []
        assert state.item(1, b"\x61a\x61b") is None
        assert list(state.texts(1, _TEXT)) == []
        assert list(state.touched(1)) == [1 << 32 | 1, 1 << 32 | 2]

    def test_a_number_is_never_given_out_again(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit([some.an_object(n) for n in (1, 2, 3)])
        store.commit([DropObject(3), DropObject(2)])
        assert store.state().last_object() == 3
        store.commit([some.an_object(4)])
        assert store.state().last_object() == 4

    def test_a_dropped_block_touches_nothing(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        state = store.state()
        assert list(state.touched(2)) == [1 << 32 | 2]
        store.commit([DropBlock(1, 2)])
        assert state.block(1, 2) is None
        assert list(state.touched(1)) == [1 << 32 | 1]
        assert list(state.touched(2)) == []
        assert list(state.objects_touched_by([1 << 32 | 2])) == []

    def test_a_dropped_child_text_and_held_block_are_gone(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        state = store.state()
        assert list(state.held_feeds()) == [some.id_of("feed", 3)]
        one = some.held(3, 1)
        drops: list[Row] = [
            DropItem(1, b"\x61a\x61b"),
            DropTexts(1, _TEXT),
            DropHeld(one.feed, 1, one.id),
        ]
        store.commit(drops)
        assert [row.path for row in state.items(1, b"\x61a")] == [b"\x61a\x61c"]
        assert list(state.texts(1, _TEXT)) == []
        assert list(state.held(one.feed)) == []
        assert list(state.held_feeds()) == []

    def test_v12_a_fork_moves_blocks_with_what_they_touched(self, opener: StoreOpener) -> None:
        store = opener.open()
        rows: list[Row] = [some.feed(1, 5), some.feed(2, 5, branch_of=1)]
        rows += [some.block(1, seq) for seq in range(1, 5)]
        rows += [PutTouched(7, 1 << 32 | seq) for seq in range(1, 5)]
        store.commit(rows)
        store.commit([MoveBlocks(1, 2, 3)])
        state = store.state()
        assert [row.seq for row in state.blocks(1, 1, 5)] == [1, 2]
        assert [(row.n, row.seq, row.body) for row in state.blocks(2, 1, 5)] == [
            (2, seq, some.block(1, seq).body) for seq in (3, 4)
        ]
        assert list(state.touched(7)) == [1 << 32 | 1, 1 << 32 | 2, 2 << 32 | 3, 2 << 32 | 4]


class StoreWire(StoreSuite):
    """Blocks go out as they came (B7)."""

    def test_blocks_are_those_that_were_asked_for(self, opener: StoreOpener) -> None:
        store = opener.open()
        rows: list[Row] = [some.feed(1, 4)]
        rows += [some.block(1, seq, sig=b"s" if seq == 3 else None) for seq in (1, 2, 3)]
        store.commit(rows)
        sent = store.blocks(1, 0, 4)
        assert sent[:1] == [(b"opening 1", None, b"signature")]
        assert [block[1] for block in sent[1:]] == [some.block(1, seq).body for seq in (1, 2, 3)]
        assert [block[2] for block in sent[1:]] == [None, None, b"s"]
        assert store.blocks(1, 1, 3) == sent[1:3]
        assert store.blocks(1, 3, 3) == []
        assert store.blocks(9, 0, 3) == []

    def test_v12_a_branch_begins_with_the_blocks_below_its_fork(self, opener: StoreOpener) -> None:
        store = opener.open()
        rows: list[Row] = [some.feed(1, 4), some.feed(2, 4, branch_of=1)]
        rows += [
            some.block(1, 1),
            some.block(1, 2),
            some.block(1, 3),
            some.block(2, 2),
            some.block(2, 3),
        ]
        store.commit(rows)
        assert [block[1] for block in store.blocks(2, 0, 4)] == [
            None,
            some.block(1, 1).body,
            some.block(2, 2).body,
            some.block(2, 3).body,
        ]
        assert store.blocks(2, 0, 2) == store.blocks(1, 0, 2)


class StoreReopening(StoreSuite):
    """What was committed is there when the store is opened again."""

    def test_f1_what_was_committed_is_there_again(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        before = some.look_at(store.state())
        assert len(str(before)) > len(str(some.EVERYTHING))
        store.sync()
        store.close(clean=True)
        again = opener.open()
        assert some.look_at(again.state()) == before
        again.commit([DropObject(2)])
        again.close(clean=True)
        assert opener.open().state().last_object() == 2

    def test_f2_a_clean_end_leaves_no_doubt(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        assert not store.is_doubtful
        store.close(clean=True)
        again = opener.open(is_next_boot=True)
        assert again.state().last_object() == 2
        assert not again.is_doubtful

    def test_f2_an_unclean_end_is_trusted_within_a_boot_alone(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        store.close(clean=False)
        again = opener.open()
        assert not again.is_doubtful
        again.close(clean=False)
        assert opener.open(is_next_boot=True).is_doubtful

    def test_f2_doubt_stays_until_the_feed_has_a_successor(self, opener: StoreOpener) -> None:
        store = opener.open()
        store.commit(some.EVERYTHING)
        store.close(clean=False)
        again = opener.open(is_next_boot=True)
        again.commit([some.an_object(3)])
        assert again.is_doubtful
        again.close(clean=True)
        third = opener.open(is_next_boot=True)
        assert third.is_doubtful
        third.commit([PutAbout("own", some.id_of("feed", 3)), some.feed(3)])
        third.close(clean=True)
        assert not opener.open(is_next_boot=True).is_doubtful
