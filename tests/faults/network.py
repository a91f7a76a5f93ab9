"""Faults of the network between the cameras and the recorder."""

from __future__ import annotations

from typing import Callable, Tuple

from tests.faults.fault import Fault
from tests.faults.private import needs_namespaces
from tests.faults.site import Site

_BACK_OFF = 35.0  # seconds: the longest pause between two tries, and a start


def _put_on_a_wire(site: Site) -> None:
    from tests.faults.wire import Wire  # Linux only

    site.wire = Wire()
    site.undo.callback(site.wire.close)
    site.host, site.camera_side = site.wire.host, site.wire.run


def _lose(share: float) -> Callable[[Site], None]:
    def set_loss(site: Site) -> None:
        site.wire.loss = share

    return set_loss


def _cut_and_forget(site: Site) -> None:
    """Cut the wire, and let the cameras close: the recorder never gets to know."""
    site.wire.loss = 1.0
    for name in site.victims:
        site.cameras[name].drop()


FAULTS: Tuple[Fault, ...] = (
    Fault(
        "network-cut",
        "network cut for 20 s: recording resumes with it",
        _lose(1.0),
        _lose(0.0),
        _put_on_a_wire,
        seconds=20.0,
        may_lose=_BACK_OFF,
        recovers_within=_BACK_OFF,
        missing=needs_namespaces,
    ),
    Fault(
        "network-half-open",
        "camera closes while the network is cut, so that FFmpeg waits for nobody: it is given up and started again",
        _cut_and_forget,
        _lose(0.0),
        _put_on_a_wire,
        seconds=20.0,
        may_lose=_BACK_OFF,
        recovers_within=_BACK_OFF,
        missing=needs_namespaces,
    ),
    Fault(
        "network-loss",
        "30 % of all packets are lost for 20 s: what TCP cannot bring in time is an explained gap",
        _lose(0.3),
        _lose(0.0),
        _put_on_a_wire,
        seconds=20.0,
        may_lose=_BACK_OFF,
        recovers_within=_BACK_OFF,
        missing=needs_namespaces,
    ),
)
