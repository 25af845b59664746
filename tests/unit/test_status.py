"""Every sentence of experience.md section 8 that one computer and two processes can meet."""

from datetime import datetime

import pytest

from kithspace.runtime.status import (
    AwaitedKey,
    Copy,
    Demoted,
    Facts,
    Full,
    Gap,
    OldPeer,
    Peer,
    Removed,
    age,
    judge,
    moment,
)

NOW = int(datetime(2026, 5, 3, 14, 0).astimezone().timestamp() * 1000)
AT_12_04 = NOW - 116 * 60_000
LATER = NOW - 4_000


def peer(name: str = "Ben's phone", **changes: object) -> Peer:
    here = Peer(name, is_here=True, is_same=True, compared_ms=LATER, last_seen_ms=NOW, lacks=0)
    return here._replace(**changes)  # type: ignore[arg-type]


def asleep(name: str = "Ben's laptop", lacks: int = 0) -> Peer:
    return peer(name, is_here=False, is_same=False, last_seen_ms=AT_12_04, lacks=lacks)


def facts(**changes: object) -> Facts:
    given: dict[str, object] = {"space": "Work", "now_ms": NOW, "peers": (peer(),)}
    return Facts(**(given | changes))  # type: ignore[arg-type]


ROWS = [
    (
        1,
        facts(removed=Removed(AT_12_04, "Ana", 4)),
        (
            "You are no longer a member of “Work” since 12:04 (by Ana). What you have stays; 4 "
            "changes you made since are held for an admin."
        ),
    ),
    (
        1,
        facts(removed=Removed(AT_12_04, "Ana", 0)),
        "You are no longer a member of “Work” since 12:04 (by Ana). What you have stays.",
    ),
    (
        2,
        facts(demoted=Demoted(AT_12_04, 2, "Ana")),
        (
            "Since 12:04 you are a reader of “Work”; 2 changes made here after that are refused by "
            "everyone. Ask Ana for the writer role."
        ),
    ),
    (
        3,
        facts(awaited_key=AwaitedKey("Ana", AT_12_04, ("Ana", "Ben"))),
        (
            "Ana changed the key of “Work” 12:04; this device gets it as soon as one of Ana and "
            "Ben is online."
        ),
    ),
    (
        4,
        facts(clocks=(("Ben's phone", 7 * 60_000),)),
        (
            "The clock of Ben's phone is 7 minutes ahead. Its changes show when their time has "
            "come, or once the clock is set."
        ),
    ),
    (
        5,
        facts(network="none", unsent=3),
        (
            "This computer has no network. 3 of your changes are with no one else yet; they are "
            "safe here and go out by themselves."
        ),
    ),
    (5, facts(network="none"), "This computer has no network."),
    (
        5,
        facts(network="off", unsent=3),
        "This program opened the vault with network=False; 3 changes wait here.",
    ),
    (5, facts(network="off"), "This program opened the vault with network=False."),
    (
        6,
        facts(copy=Copy("Work", "Ben's phone", 1_600_000, 2_100_000, 1_000)),
        "Copying Work from Ben's phone: 1.6 of 2.1 MB, 1 s left.",
    ),
    (
        10,
        facts(old_peers=(OldPeer("Ben's phone", "0.1", "2.0"),)),
        "Ben's phone runs kithspace 0.1, which cannot talk with 2.0. Upgrade it. Nothing is lost.",
    ),
    (
        10,
        facts(bad_peers=("Ben's phone",)),
        (
            "Ben's phone sends data that fails its signature check; it is ignored. Update or "
            "re-add that device."
        ),
    ),
    (
        11,
        facts(gaps=(Gap(3, "Ben", "Ben's phone"),)),
        (
            "3 changes by Ben wait for an earlier one that only Ben's phone has; they show by "
            "themselves when it is online."
        ),
    ),
    (
        12,
        facts(full=Full("disk of this computer", 99_900_000_000, 100_000_000_000)),
        (
            "The disk of this computer is full (99.9 of 100.0 GB) and takes nothing new. Free room "
            "(kith status --sizes)."
        ),
    ),
    (
        13,
        facts(peers=(asleep("Ben's phone"),)),
        "Ben's phone was last seen 12:04. Changes meet when you are both online.",
    ),
    (
        14,
        facts(peers=(peer("Ana's phone"), asleep(lacks=5))),
        (
            "Same as Ana's phone; Ben's laptop has not been seen since 12:04 and lacks 5 "
            "changes; it gets them by itself."
        ),
    ),
    (16, facts(peers=()), "Only you are in “Work”. Invite someone: kith invite Work."),
    (
        17,
        facts(peers=(peer(), peer("Cleo's laptop"))),
        "Everything is the same here and on Ben's phone and Cleo's laptop (compared 4 s ago).",
    ),
]


@pytest.mark.parametrize(("row", "known", "sentence"), ROWS)
def test_status_says_the_sentence_of_the_row(row: int, known: Facts, sentence: str) -> None:
    status = judge(known)
    assert (status.words, status.causes[0].row) == (sentence, row)
    assert status.in_sync == (row in {16, 17})


def test_status_says_the_first_row_and_lists_all_that_match() -> None:
    status = judge(facts(removed=Removed(AT_12_04, "Ana", 1), clocks=(("this computer", 300_000),)))
    assert [cause.row for cause in status.causes] == [1, 4, 17]
    assert "1 change you made since is held" in status.words
    assert not status.in_sync


def test_status_of_a_reader_who_wrote_nothing_is_in_sync() -> None:
    assert judge(facts(demoted=Demoted(AT_12_04, 0, "Ana"))).in_sync


def test_status_with_network_false_and_nobody_else_is_alone() -> None:
    assert judge(facts(network="off", peers=())).causes[0].row == 16


def test_status_of_an_absent_device_that_lacks_nothing_is_in_sync() -> None:
    assert judge(facts(peers=(peer(), asleep()))).causes[0].row == 17


def test_status_while_comparing_is_not_in_sync() -> None:
    status = judge(facts(peers=(peer(is_same=False),)))
    assert status.words == "Comparing “Work” with Ben's phone."
    assert not status.in_sync


def test_status_moments_name_the_day_when_it_is_not_today() -> None:
    day = 86_400_000
    assert moment(NOW - 2 * day, NOW).startswith(("Friday", "Saturday"))
    assert moment(NOW - 60 * day, NOW) == "4 March"
    assert [age(ms) for ms in (4_000, 120_000, 7_200_000, day, 3 * day)] == [
        "4 s",
        "2 min",
        "2 h",
        "1 day",
        "3 days",
    ]
