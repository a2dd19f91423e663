"""How often Envoy checks the replicas of each service: as described, while it can afford to.

One thread of Envoy does all checks, and the same thread takes every change of the endpoints. A
check costs it some 30 µs and the replica about as much, so 25 a second of each of a thousand
replicas would leave no time for anything else. Together there are at most `CHECKS_PER_S_MAX`;
beyond, those services are checked less often that ask for the most, and the small ones go on as
described.
"""

from collections.abc import Collection, Mapping
from math import ceil, log2

from headway.model.desired import DesiredService
from headway.model.ids import ServiceName

CHECKS_PER_S_MAX = 2500.0  # 100 replicas, 25 times a second


def check_intervals_s(called: Mapping[ServiceName, DesiredService]) -> dict[ServiceName, float]:
    """Doubled, not fitted: a changed interval is a changed policy, so it should be a rare one."""
    wanted = {name: max(1, w.count) / w.service.health.every_s for name, w in called.items()}
    each_max = _fair(wanted.values())
    doublings = {name: max(0, ceil(log2(rate / each_max))) for name, rate in wanted.items()}
    return {name: w.service.health.every_s * 2 ** doublings[name] for name, w in called.items()}


def _fair(wanted: Collection[float]) -> float:
    """The most that one service may have, so that all together stay within the bound."""
    if sum(wanted) <= CHECKS_PER_S_MAX:
        return max(wanted, default=1.0)
    left = CHECKS_PER_S_MAX
    for place, rate in enumerate(sorted(wanted)):
        share = left / (len(wanted) - place)
        if rate > share:
            break
        left -= rate
    return share
