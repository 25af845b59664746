"""T1-T4: texts."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import edit
from kithspace.core.cell import TextLog
from kithspace.core.coalesce import MAX_WRITE_BYTES, a6_parts, coalesce
from kithspace.core.document import Document
from kithspace.core.stamp import ZERO, Stamp
from kithspace.core.text import MAX_UPDATES, OpenText, new_text, read_text, snapshot_of
from kithspace.core.value import TEXT, TEXT_PART, TEXT_UPDATE, TextValue
from kithspace.core.write import make_write
from kithspace.errors import FieldValue, TooBig
from tests.models.cells_world import Replica, all_blocks, feed_of, rebuilt

PATH = ("notes",)
letters = st.text(
    st.sampled_from("ab é\u0301\u00e9😀👩\u200d👧한\n") | st.characters(codec="utf-8"), max_size=6
)


def typed(replica: Replica, start: int, end: int, text: str, client: int = 0) -> None:
    """Open the text, edit it, write the update."""
    opened = OpenText(replica.document.text(*PATH), client or replica.who + 100)
    update = opened.splice(start, end, text)
    if update:
        replica.write(edit.text_update(replica.document, PATH, update))


def shown(document: Document) -> str:
    return read_text(document.text(*PATH))


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 5), letters), max_size=15))
def test_t3_offsets_are_code_points(script: list[tuple[int, int, str]]) -> None:
    opened = OpenText((), 1)
    updates = []
    expected = ""
    for place, length, text in script:
        start = place % (len(expected) + 1)
        end = min(len(expected), start + length)
        updates.append(opened.splice(start, end, text))
        expected = expected[:start] + text + expected[end:]
        assert str(opened) == expected
        assert len(opened) == len(expected)
    assert read_text(updates) == expected
    assert read_text([snapshot_of(updates)]) == expected


@given(
    st.integers(2, 4),
    st.lists(
        st.tuples(
            st.sampled_from(["type", "type", "cut", "pull", "anew"]),
            st.integers(0, 3),
            st.integers(0, 30),
            letters,
        ),
        max_size=20,
    ),
    st.randoms(use_true_random=False),
)
def test_t2_texts_converge_in_any_causal_order(
    count: int, script: list[tuple[str, int, int, str]], random: Random
) -> None:
    replicas = [Replica(who) for who in range(count)]
    for number, (step, who, place, text) in enumerate(script):
        replica = replicas[who % count]
        now = shown(replica.document)
        start = place % (len(now) + 1)
        if step == "type":
            typed(replica, start, start, text, 1000 + number)
        elif step == "cut":
            typed(replica, start, min(len(now), start + 2), "", 1000 + number)
        elif step == "anew":
            replica.write(
                edit.assign(
                    replica.document,
                    PATH,
                    TextValue(text),
                    "notes",
                    Random(number).randbytes,  # noqa: S311
                )
            )
            assert shown(replica.document) == text
        else:
            replica.pull(replicas[place % count])
    blocks = all_blocks(replicas)
    texts = {shown(rebuilt(blocks, random)) for _ in range(3)}
    assert len(texts) == 1


def test_t2_an_update_of_an_older_incarnation_is_dropped() -> None:
    left, right = Replica(1), Replica(2)
    typed(left, 0, 0, "old")
    right.pull(left)
    left.write([(PATH, (TEXT, new_text("new", 7)))])
    right.clock += 9 << 16
    typed(right, 3, 3, "er")
    left.pull(right)
    right.pull(left)
    assert shown(left.document) == shown(right.document) == "new"


def test_t2_a_text_declared_in_a_record_is_another_one_when_the_record_is_assigned_anew() -> None:
    replica = Replica(1)
    path = ("m", "k", "notes")
    replica.write([(("m", "k"), (16, ()))])
    replica.write(edit.text_update(replica.document, path, new_text("first", 7)))
    assert read_text(replica.document.text(*path)) == "first"
    replica.write([(("m", "k"), (16, ()))])
    assert replica.document.text(*path) == []
    replica.write(edit.text_update(replica.document, path, new_text("second", 8)))
    assert read_text(replica.document.text(*path)) == "second"


def test_two_writers_edit_emoji_and_combining_marks_at_one_place() -> None:
    left, right = Replica(1), Replica(2)
    typed(left, 0, 0, "Cafe\u0301 👩\u200d👩\u200d👧 ok")
    right.pull(left)
    typed(left, 5, 5, " 😀")
    typed(right, 5, 5, "é\u0302")
    left.pull(right)
    right.pull(left)
    assert shown(left.document) == shown(right.document)
    middle = shown(left.document).removeprefix("Cafe\u0301").removesuffix(" 👩\u200d👩\u200d👧 ok")
    assert middle in (" 😀é\u0302", "é\u0302 😀")


@given(st.integers(MAX_UPDATES - 3, MAX_UPDATES + 5))
def test_t1_a_snapshot_takes_the_place_of_many_updates(count: int) -> None:
    replica = Replica(1)
    opened = OpenText((), 5)
    for number in range(count):
        update = opened.splice(number, number, "x")
        replica.write(edit.text_update(replica.document, PATH, update))
    assert shown(replica.document) == "x" * count
    assert len(replica.document.text(*PATH)) <= MAX_UPDATES + 1


def test_t1_a_snapshot_takes_the_place_of_large_updates() -> None:
    replica = Replica(1)
    opened = OpenText((), 5)
    for _ in range(3):
        replica.write(edit.text_update(replica.document, PATH, opened.splice(0, 0, "x" * 40_000)))
    extra = replica.document.cell(*PATH).extra
    assert extra is not None
    assert extra.text is not None
    assert (len(extra.text.fresh), len(shown(replica.document))) == (1, 120_000)


def test_t4_a_long_update_is_cut_in_parts_that_fit_and_join() -> None:
    text = "".join(chr(0x4E00 + at * 7 % 20_000) for at in range(100_000))
    whole = new_text(text, 7)
    parts = list(a6_parts(PATH, (TEXT_UPDATE, ZERO, whole)))
    forms = [form for _, form in parts]
    assert all(len(form[-1]) <= MAX_WRITE_BYTES for form in forms)  # type: ignore[index, arg-type]
    assert [form[0] for form in forms] == [TEXT_PART] * (len(forms) - 1) + [TEXT_UPDATE]  # type: ignore[index]
    assert b"".join(form[-1] for form in forms) == whole  # type: ignore[index, misc]


@given(st.binary(max_size=60))
def test_an_update_that_is_none_changes_nothing(garbage: bytes) -> None:
    opened = OpenText([new_text("kept", 7)], 8)
    opened.apply(garbage)
    assert str(opened) == "kept"
    assert read_text([new_text("kept", 7), garbage]) == "kept"


def test_a_text_refuses_half_a_character_and_names_the_field() -> None:
    with pytest.raises(FieldValue, match=r"Note\.text"):
        OpenText((), 1).splice(0, 0, "\ud83d", "Note.text")


def test_a_text_refuses_to_grow_beyond_4_mib() -> None:
    with pytest.raises(TooBig):
        new_text("x" * (4 * 1024 * 1024 + 1), 1)


def test_an_offset_outside_the_text_is_an_index_error() -> None:
    with pytest.raises(IndexError):
        OpenText((), 1).splice(1, 1, "x")


def test_w2_edits_of_one_transaction_become_one_update() -> None:
    replica = Replica(1)
    replica.write([((), (24, "note", ()))])
    base = working = replica.document
    opened = OpenText((), 5)
    for number, letter in enumerate("abc"):
        (one,) = edit.text_update(working, PATH, opened.splice(number, number, letter))
        working = working.merge([make_write(*one)], Stamp(10**12 + number, feed_of(1)))
    edits = coalesce(base, working, [PATH] * 3)
    assert len(edits) == 1
    replica.write(edits)
    assert shown(replica.document) == "abc"


def test_t2_a_new_objects_text_is_part_of_its_root() -> None:
    working = Document.empty(Replica(1).document.id, 1)
    opened = OpenText((), 5)
    writes = [((), (24, "note", ())), *edit.text_update(working, PATH, opened.splice(0, 0, "hi"))]
    for number, (path, value) in enumerate(writes):
        working = working.merge([make_write(path, value)], Stamp(10**12 + number, feed_of(1)))
    ((path, root),) = coalesce(None, working, [path for path, _ in writes])
    assert path == ()
    assert root[2][0] == "notes"  # type: ignore[index]
    document = Document.empty(working.id, 1).merge([make_write((), root)], Stamp(1, feed_of(1)))
    assert read_text(document.text(*PATH)) == "hi"
    assert document.cell(*PATH).extra is not None
    assert TextLog(Stamp(1, feed_of(1))).incarnation == document.incarnation(*PATH)
