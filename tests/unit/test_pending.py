"""Operations that wait for somebody else."""

from threading import Thread

import pytest

from kithspace.errors import BadCode, Cancelled, TimedOut
from kithspace.runtime.pending import Deferred


def test_result_waits_for_another_thread() -> None:
    waiting: Deferred[int] = Deferred("Waiting for Ana.")
    thread = Thread(target=waiting.succeed, args=(3,))
    thread.start()
    assert waiting.result(10) == 3
    thread.join()
    assert waiting.is_done


def test_timeout_says_what_it_waits_for_and_goes_on() -> None:
    waiting: Deferred[int] = Deferred("Waiting for Ana.")
    waiting.say("Waiting for Ana's laptop to answer.")
    with pytest.raises(TimedOut, match="Still waiting after 0 s: Waiting for Ana's laptop"):
        waiting.result(0)
    waiting.succeed(3)
    assert waiting.result(0) == 3


def test_it_is_settled_once() -> None:
    waiting: Deferred[int] = Deferred("")
    waiting.fail(BadCode("wrong"))
    waiting.succeed(3)
    with pytest.raises(BadCode):
        waiting.result(0)


def test_callbacks_are_called_once_also_when_it_is_done_already() -> None:
    waiting: Deferred[int] = Deferred("")
    calls: list[str] = []
    waiting.when_done(lambda: calls.append("before"))
    waiting.succeed(3)
    waiting.when_done(lambda: calls.append("after"))
    assert calls == ["before", "after"]


def test_giving_up_is_told_once_and_not_when_it_is_done() -> None:
    given_up: list[str] = []
    waiting: Deferred[int] = Deferred("")
    waiting.on_cancel(lambda: given_up.append("first"))
    waiting.cancel()
    waiting.cancel()
    with pytest.raises(Cancelled):
        waiting.result(0)
    done: Deferred[int] = Deferred("", lambda: given_up.append("second"))
    done.succeed(3)
    done.cancel()
    assert given_up == ["first"]
