"""The waiting room: bounded, woken by what is missing, never by more."""

from kithspace.core.block import Header
from kithspace.core.ids import BlockId, FeedId, GenerationId
from kithspace.core.verify import VerifiedBlock
from kithspace.core.waiting import MAX_BLOCKS, MAX_BYTES, Wait, WaitingRoom


def block(number: int, prev: int = 0, size: int = 300) -> VerifiedBlock:
    header = Header(
        1,
        FeedId(b"f" * 32),
        number,
        name(prev),
        (),
        number,
        GenerationId(b"g" * 16),
        size,
        b"h" * 32,
    )
    return VerifiedBlock(header, b"", name(number), bytes(size), None, checked=False)


def name(number: int) -> BlockId:
    return BlockId(number.to_bytes(32, "big"))


def wait(number: int, *needs: int, due_ms: int = 0, prev: int = 0) -> Wait:
    return Wait(block(number, prev), frozenset(map(name, needs)), due_ms)


def woken(room: WaitingRoom, *ids: int) -> set[int]:
    return {found.header.seq for found in room.woken_by(map(name, ids))}


def test_a_block_is_woken_by_what_it_needs() -> None:
    room = WaitingRoom()
    room.add([wait(1, 90), wait(2, 91)])
    assert woken(room, 90) == {1}
    assert woken(room, 92) == set()


def test_what_waits_for_the_woken_is_woken_too() -> None:
    room = WaitingRoom()
    room.add([wait(1, 90), wait(2, 1), wait(3, 2, 91)])
    assert woken(room, 90) == {1, 2, 3}


def test_with_a_block_comes_what_lies_below_it_in_its_run() -> None:
    room = WaitingRoom()
    room.add([wait(1), wait(2, 90, prev=1)])
    assert woken(room, 90) == {1, 2}


def test_what_was_let_go_is_not_woken() -> None:
    room = WaitingRoom()
    room.add([wait(1, 90), wait(2, 90)])
    room.drop([name(1), name(7)])
    assert woken(room, 90) == {2}
    assert (len(room), name(1) in room) == (1, False)


def test_why_a_block_waits_can_change() -> None:
    room = WaitingRoom()
    room.add([wait(1, 90)])
    room.add([wait(1, 91)])
    assert woken(room, 90) == set()
    assert woken(room, 91) == {1}


def test_the_newest_are_dropped_when_it_is_full() -> None:
    room = WaitingRoom()
    room.add(wait(number, 0) for number in range(1, MAX_BLOCKS + 10))
    assert len(room) == MAX_BLOCKS
    assert name(1) in room
    assert name(MAX_BLOCKS + 1) not in room


def test_bytes_are_bounded_too() -> None:
    room = WaitingRoom()
    size = 2**20
    room.add(Wait(block(n, size=size), frozenset()) for n in range(1, 100))
    assert len(room) == MAX_BYTES // size
    room.drop([name(1)])
    room.add([Wait(block(200, size=size), frozenset())])
    assert name(200) in room


def test_the_first_due_comes_first() -> None:
    room = WaitingRoom()
    room.add([wait(1, due_ms=50), wait(2, due_ms=20), wait(3)])
    assert room.next_due == 20
    assert [found.header.seq for found in room.due(30)] == [2]
    room.drop([name(2)])
    assert room.next_due == 50
    room.add([wait(1, 90)])
    assert room.due(100) == []
