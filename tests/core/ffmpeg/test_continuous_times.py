"""The times that FFmpeg's filter gives to packets: its expression, evaluated here over hours of arrivals."""

from __future__ import annotations

import math
from typing import Callable, Dict, List, NamedTuple, Optional

import pytest

from cctv_cli.core.config.settings import Camera, RtspSource, Settings
from cctv_cli.core.ffmpeg.command import AudioOutput, Ffmpeg, record_command
from cctv_cli.core.media.span import TICKS

FPS = 5
BEGAN = 1_800_000_000.0


class Packet(NamedTuple):
    """A packet: its time by the camera's clock in seconds, and the instant at which it came."""

    time: float
    came: float


def packets(
    lasts: float,
    *,
    stamp: Callable[[float], float] = float,
    delay: Callable[[float], Optional[float]] = lambda _: 0.0,
    machine: Callable[[float], float] = float,
) -> List[Packet]:
    """What came of the frames that a camera took for so many seconds.

    Each argument is a function of the seconds since the first frame: `stamp` is the time by the camera's clock, `delay`
    how many seconds later a frame taken then came (None if it is lost), `machine` the time by this machine's clock.
    """
    came, latest = [], 0.0
    for number in range(round(lasts * FPS)):
        taken = number / FPS
        late = delay(taken)
        if late is not None:
            latest = max(latest, taken + late)
            came.append(Packet(stamp(taken), BEGAN + machine(latest)))
    return came


def media_time(came: List[Packet]) -> float:
    """The seconds from the first to the last packet after the filter, which sees each when the next one has come."""
    command = record_command(
        Ffmpeg("ffmpeg", "9.0", 9, frozenset()),
        Camera("gate", "Gate", RtspSource("192.168.1.100", 554, "/")),
        Settings(),
        run="0123456789abcdef",
        first_live=0,
        audio=AudioOutput.NONE,
    )
    dts, _, _ = command.argv[command.argv.index("-bsf:v") + 1].partition(":pts=")
    text = dts.replace("setts=dts=", "").replace("\\,", ",").replace("if(", "choose(")
    steps = [compile(step, "filter", "eval") for step in text.split(";")]
    variables: Dict[int, float] = {}
    names = {
        "st": variables.__setitem__,
        "ld": lambda number: variables.get(number, 0.0),
        "choose": lambda condition, then, otherwise: then if condition else otherwise,
        "lt": lambda one, other: one < other,
        "gt": lambda one, other: one > other,
        "eq": lambda one, other: one == other,
        "max": max,
        "floor": lambda value: value // 1,
        "TB": 1 / TICKS,
        "NOPTS": -math.inf,
        "STARTDTS": came[0].time * TICKS,
        "PREV_INDTS": -math.inf,
        "PREV_OUTDTS": -math.inf,
    }
    after = 0.0
    for number, (packet, following) in enumerate(zip(came, came[1:])):
        names.update(N=number, DTS=packet.time * TICKS, time=lambda _, now=following.came: now)
        for step in steps[:-1]:
            eval(step, names)
        after = eval(steps[-1], names)
        names.update(PREV_INDTS=names["DTS"], PREV_OUTDTS=after)
    return after / TICKS - came[0].time


def steps_by(seconds: float, at: float, rate: float = 1.0) -> Callable[[float], float]:
    """A clock that is set by so many seconds at that time, and runs at this rate."""
    return lambda passed: passed * rate + (seconds if passed >= at else 0.0)


def late_until_lost(since: float, until: float, by: float, lost: float) -> Callable[[float], Optional[float]]:
    """A network that delays frames and loses the last ones of that time."""
    return lambda taken: None if until - lost <= taken < until else by if since <= taken < until else 0.0


@pytest.mark.parametrize(
    ("came", "lasts"),
    [
        pytest.param(packets(100), 100, id="true"),
        pytest.param(packets(100, stamp=steps_by(3, 60)), 100, id="ahead"),
        pytest.param(packets(100, stamp=steps_by(-3, 60)), 100, id="back"),
        pytest.param(packets(100, stamp=steps_by(3600, 20)), 100, id="far ahead at the start"),
        pytest.param(packets(100, stamp=steps_by(3600, 0.2)), 100, id="far ahead with the second frame"),
        pytest.param(packets(100, stamp=steps_by(3600, 0.4)), 100, id="far ahead with the third frame"),
        pytest.param(packets(100, stamp=steps_by(-3600, 0.2)), 100, id="far back with the second frame"),
        pytest.param(packets(100, stamp=steps_by(-3600, 0.4)), 100, id="far back with the third frame"),
        pytest.param(packets(100, delay=lambda taken: max(0.0, 5 - taken)), 100, id="five seconds come at once"),
        pytest.param(
            packets(3700, stamp=steps_by(4, 3600, rate=0.998)), 3692.6, id="ahead after falling behind for an hour"
        ),
        pytest.param(packets(3700, stamp=steps_by(4, 3600, 1.01)), 3737, id="ahead after gaining for an hour"),
        pytest.param(
            packets(900, stamp=steps_by(3, 800), machine=steps_by(60, 100)), 900, id="ahead after the machine's clock"
        ),
        pytest.param(packets(100, machine=steps_by(-3600, 60)), 100, id="the machine's clock set back"),
        pytest.param(packets(100, delay=late_until_lost(60, 80, 0, 20)), 100, id="frames lost"),
        pytest.param(packets(100, delay=lambda taken: max(0.0, 80 - taken) if taken > 60 else 0.0), 100, id="pause"),
        pytest.param(packets(400, delay=late_until_lost(60, 360, 8, 10)), 400, id="lost after minutes of lateness"),
        pytest.param(packets(100, delay=late_until_lost(0, 20, 8, 5)), 100, id="lost at the start, all late"),
    ],
)
def test_media_lasts_as_long_as_the_camera_filmed(came: List[Packet], lasts: float) -> None:
    assert media_time(came) == pytest.approx(lasts, abs=0.7)
