"""Stamps as other implementations have to pack and order them: `vectors/stamps.json`."""

import json
from pathlib import Path

from kithspace.core.stamp import Stamp, pack_time

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "stamps.json").read_text())


def _stamp(one: dict[str, object]) -> Stamp:
    time = pack_time(int(str(one["ms"])), int(str(one["counter"])))
    return Stamp(time, bytes.fromhex(str(one["feed"])), bytes.fromhex(str(one["branch"])))


def test_v8_milliseconds_and_counter_pack_as_written() -> None:
    assert [str(_stamp(one).time) for one in VECTORS["ascending"]] == [
        one["time"] for one in VECTORS["ascending"]
    ]


def test_w13_stamps_are_listed_in_ascending_order() -> None:
    stamps = [_stamp(one) for one in VECTORS["ascending"]]
    assert stamps == sorted(stamps)
    assert len(set(stamps)) == len(stamps)
