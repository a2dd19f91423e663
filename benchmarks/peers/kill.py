"""`kill -9` of one backend after the other."""

import os
import signal

from benchmarks.peers.faults import Fault, play
from benchmarks.peers.peer import Member
from benchmarks.peers.scenario import REPEATED, RESTARTED, Options
from benchmarks.peers.table import Table


async def _kill(victim: Member) -> None:
    os.kill(victim.pid, signal.SIGKILL)


FAULT = Fault(
    scenario="kill",
    title="kill -9",
    make=_kill,
    watched_s=3.5,  # whom Headway restarts at once has lived well for 3 s
    times=3,
    notes=(RESTARTED, REPEATED),
)


async def kill(options: Options) -> Table:
    return await play(FAULT, options)
