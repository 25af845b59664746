"""X10: what is shown, to whom, for how long."""

from hypothesis import given
from hypothesis import strategies as st

from kithspace.core import crypto
from kithspace.core.ids import DeviceKey, GenerationId, SpaceId
from kithspace.protocol.messages import Ephemeral
from kithspace.protocol.presence import (
    MAX_OFF_MS,
    MAX_SEALED_BYTES,
    MAX_VALUE_BYTES,
    PER_SECOND,
    SHOWN_MS,
    ContentKey,
    Presence,
)

SPACE = SpaceId(bytes(32))
KEY = ContentKey(GenerationId(bytes(16)), b"k" * 32)
NOW = 1_700_000_000_000
ANA, BEN = (crypto.sign_keypair(bytes([n]) * 32) for n in (1, 2))


def say(of: Presence, value: bytes, now_ms: int = NOW) -> Ephemeral:
    of.show(value)
    message = of.message_due(KEY, bytes(24), now_ms)
    assert message is not None
    return message


def take(
    of: Presence,
    message: Ephemeral,
    now_ms: int = NOW,
    *,
    key: bytes | None = KEY.key,
    is_live: bool = True,
) -> bool:
    return of.receive(DeviceKey(ANA.public), message, lambda _: key, is_live=is_live, now_ms=now_ms)


def pair() -> tuple[Presence, Presence]:
    return Presence(SPACE, ANA, 1), Presence(SPACE, BEN, 1)


@given(value=st.binary(min_size=1, max_size=MAX_VALUE_BYTES))
def test_x10_what_one_shows_the_other_sees(value: bytes) -> None:
    ana, ben = pair()
    message = say(ana, value)
    assert len(message.sealed) <= MAX_SEALED_BYTES
    assert take(ben, message)
    assert ben.shown() == {DeviceKey(ANA.public): value}


def test_x10_it_ends_after_30_seconds_or_with_the_connection() -> None:
    ana, ben = pair()
    take(ben, say(ana, b"here"))
    assert not ben.time_passed(NOW + SHOWN_MS - 1)
    assert ben.time_passed(NOW + SHOWN_MS)
    assert ben.shown() == {}
    take(ben, say(ana, b"again", NOW + SHOWN_MS), NOW + SHOWN_MS)
    assert ben.peer_gone(DeviceKey(ANA.public))
    assert ben.shown() == {}


def test_x10_it_is_said_again_before_it_ends() -> None:
    ana, ben = pair()
    take(ben, say(ana, b"here"))
    now = NOW
    for _ in range(20):
        due = ana.next_deadline()
        assert due is not None
        now = due
        message = ana.message_due(KEY, bytes(24), now)
        assert message is not None
        take(ben, message, now)
        assert ben.shown()


def test_x10_a_replay_a_stranger_and_a_wrong_clock_show_nothing() -> None:
    ana, ben = pair()
    message = say(ana, b"here")
    assert not take(ben, message, is_live=False)
    assert not take(ben, message, key=None)
    assert not take(ben, message, key=b"x" * 32)
    assert not take(ben, message, NOW + MAX_OFF_MS + 1)
    assert not ben.receive(
        DeviceKey(BEN.public), message, lambda _: KEY.key, is_live=True, now_ms=NOW
    )
    assert take(ben, message)
    ben.peer_gone(DeviceKey(ANA.public))
    assert not take(ben, message)


@given(st.data())
def test_x10_no_changed_bit_is_shown(data: st.DataObject) -> None:
    ana, ben = pair()
    message = say(ana, b"here")
    sealed = bytearray(message.sealed)
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= 1 << data.draw(st.integers(0, 7))
    fields = (message.generation, message.device, message.ms, message.number)
    assert not take(ben, Ephemeral(0, *fields, bytes(sealed), message.signature))
    other = Ephemeral(0, *fields[:3], message.number + 1, message.sealed, message.signature)
    assert not take(ben, other)


def test_x10_more_than_20_a_second_are_passed_over() -> None:
    ana, ben = pair()
    messages = [say(ana, bytes([n]) * 3, NOW + 1_000 * n) for n in range(1, 101)]
    taken = sum(take(ben, message, NOW + 50_000) for message in messages)
    assert taken == PER_SECOND


def test_x10_numbers_grow_over_restarts() -> None:
    first, second = Presence(SPACE, ANA, 1), Presence(SPACE, ANA, 2)
    numbers = [say(first, bytes([n]), NOW + 1_000 * n).number for n in range(1, 5)]
    numbers.append(say(second, b"again", NOW + 60_000).number)
    assert numbers == sorted(set(numbers))
