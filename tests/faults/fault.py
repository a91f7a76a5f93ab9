"""A fault as a value, and one round of it: start, inject, heal, recover, stop, judge."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass, replace
from typing import Callable, List, Optional, Tuple

from tests.faults.gather import gather
from tests.faults.judge import Account, judge
from tests.faults.site import Site, pause
from tests.support.waiting import crowding, slowness


def nothing(site: Site) -> None:
    """What a fault does that needs no preparation, or heals by itself."""


def runs_anywhere() -> Optional[str]:
    """What a fault needs that can be done on every POSIX system."""
    return None


@dataclass(frozen=True)
class Fault:
    """What happens to a running system, and what is promised for it.

    `prepare` changes a site before it begins; `inject` does the fault, which lasts for `seconds`, `heal` ends it.
    Beyond the seconds from `inject` to the end of `heal`, at most `may_lose` are lost, and the first frame is recorded
    again at most `recovers_within` after it; the last one before the fault is at most `may_lose_before` before it. Gaps
    have one of the `causes`, if any are given. Where it `spares_others`, it hits the first camera alone. `missing` says
    what this machine lacks for it, or None.
    """

    name: str
    promise: str
    inject: Callable[[Site], None]
    heal: Callable[[Site], None] = nothing
    prepare: Callable[[Site], None] = nothing
    seconds: float = 0.0
    may_lose: float = 0.0
    may_lose_before: float = math.inf
    recovers_within: float = 5.0
    causes: Tuple[str, ...] = ()
    loses_while_it_lasts: bool = True
    spares_others: bool = False
    missing: Callable[[], Optional[str]] = runs_anywhere


def one_round(fault: Fault, site: Site, chance: random.Random) -> List[Account]:
    """Do the fault to a site once; the account of each of its cameras."""
    site.chance = chance
    with site:
        fault.prepare(site)
        site.begin()
        pause(chance.uniform(0.0, site.cut))  # so that it meets every step of writing a file
        busy = [_busy()]
        injected = time.time()
        fault.inject(site)
        pause(fault.seconds)
        fault.heal(site)
        healed = time.time()
        busy.append(_busy())
        site.wait_recovered(healed, fault.recovers_within)
        busy.append(_busy())
        until = site.stop()
        accounts = [
            judge(gather(site.layout(name), camera, site.clip.fps, until, site.steps), injected, healed)
            for name, camera in site.cameras.items()
        ]
    hit = 1 if fault.spares_others else len(accounts)
    spared = replace(fault, may_lose=0.0, recovers_within=1.0, loses_while_it_lasts=False)
    lasted = healed - injected
    held = [held_to(fault if n < hit else spared, account, lasted, max(busy)) for n, account in enumerate(accounts)]
    return [replace(account, complaints=(*site.complaints, *account.complaints)) for account in held]


def _busy() -> float:
    """How many times longer work takes now; a crowded machine shows only in work that lasts longer than its turns."""
    return max(slowness(), crowding())


def held_to(fault: Fault, account: Account, lasted: float, busy: float) -> Account:
    """The account with a complaint for each promise that was not kept; a machine that is `busy` gets more time."""
    lost = account.lost - (lasted if fault.loses_while_it_lasts else 0.0)
    complaints = list(account.complaints)
    if lost > fault.may_lose * busy:
        complaints.append(
            f"{account.lost:.2f} s are lost; the fault lasted {lasted:.2f} s and may cost {fault.may_lose:g} s"
        )
    if account.recovery > fault.recovers_within * busy:
        complaints.append(f"the recovery took {account.recovery:.1f} s in place of {fault.recovers_within:g} s")
    if account.tail > fault.may_lose_before * busy:
        complaints.append(f"{account.tail:.1f} s before the fault are lost in place of {fault.may_lose_before:g} s")
    wrong = sorted(set(account.gaps).difference(fault.causes)) if fault.causes else []
    complaints += [f"the journal gives the cause {cause!r}" for cause in wrong]
    return replace(account, complaints=tuple(complaints))
