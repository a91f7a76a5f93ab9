"""Faults of cameras: they reboot, hang, or answer with refusals."""

from __future__ import annotations

from functools import partial
from typing import Callable, Tuple

from tests.faults.fault import Fault
from tests.faults.site import Site
from tests.support.rtsp_camera import RtspCamera

_BACK_OFF = 35.0  # seconds: the longest pause between two tries, and a start


def _each(act: Callable[[RtspCamera], object]) -> Callable[[Site], None]:
    def act_on_all(site: Site) -> None:
        for name in site.victims:
            site.camera_side(partial(act, site.cameras[name]))

    return act_on_all


def _go_away(camera: RtspCamera) -> None:
    camera.refuse(True)
    camera.drop()


def _answer(status: int, method: str) -> Callable[[RtspCamera], None]:
    def refuse_sessions(camera: RtspCamera) -> None:
        camera.answer(status, method)
        camera.drop()

    return refuse_sessions


def _change_password(camera: RtspCamera) -> None:
    camera.password = camera.password[::-1]
    camera.drop()


def _restore_password(camera: RtspCamera) -> None:
    camera.password = camera.password[::-1]


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "camera-reboots",
        "camera reboots, and is away for 20 s: it is recorded again when it is back",
        _each(_go_away),
        _each(lambda camera: camera.refuse(False)),
        seconds=20.0,
        may_lose=_BACK_OFF,
        recovers_within=_BACK_OFF,
    ),
    Fault(
        "camera-hangs",
        "camera hangs in the middle of its stream for 20 s: it is recorded again when it sends",
        _each(RtspCamera.hang),
        _each(RtspCamera.resume),
        causes=("silent",),
        seconds=20.0,
        may_lose=_BACK_OFF,
        recovers_within=_BACK_OFF,
    ),
    Fault(
        "camera-453",
        "camera answers 453 for 20 s, as when it has too many viewers: it is asked again until it accepts",
        _each(_answer(453, "SETUP")),
        _each(lambda camera: camera.answer(None, "SETUP")),
        seconds=20.0,
        may_lose=_BACK_OFF,
        recovers_within=_BACK_OFF,
    ),
    Fault(
        "camera-401",
        "camera refuses a right password for 20 s, as while it boots: it is tried once more after a minute",
        _each(_change_password),
        _each(_restore_password),
        seconds=20.0,
        may_lose=70.0,
        recovers_within=70.0,
    ),
    Fault(
        "camera-clock-back",
        "camera's clock is set back by 1.7 s: frames keep true times",
        _each(lambda camera: camera.step_clock(-1.7)),
        seconds=10.0,
        loses_while_it_lasts=False,
    ),
    Fault(
        "camera-clock-ahead",
        "camera's clock is set ahead by an hour: frames keep true times",
        _each(lambda camera: camera.step_clock(3600.0)),
        seconds=10.0,
        loses_while_it_lasts=False,
    ),
)
