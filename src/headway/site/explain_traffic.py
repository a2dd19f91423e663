"""Explanations of HW054 to HW059: warnings about traffic, for what works and will be regretted."""

from headway.site.explanation import Explanation, service, with_services

_RUN = "run: python -m search.frontend"
_GOOD = service(_RUN)
_CALLING = f"frontend:\n    {_RUN}\n    calls: {{index: {{}}}}"

_WAITING = _CALLING.replace("{}", "{deadline: 20s}")


def _index(rest: str) -> str:
    return f"index: {{run: ./index, replicas: 2, {rest}}}"


TRAFFIC = (
    Explanation(
        "HW054",
        "more weights than replicas",
        "A warning. `weight` names the shares of the first replica, the second and so on, in the "
        "order of their numbers; the last one is that of all later replicas. What comes after the "
        "last replica does nothing.",
        service(_RUN, "replicas: 2", "balance: weighted", "weight: [3, 2, 1]"),
        service(_RUN, "replicas: 3", "balance: weighted", "weight: [3, 2, 1]"),
    ),
    Explanation(
        "HW055",
        "drain is shorter than what callers wait for",
        "A warning. A replica that leaves ends what it works on within `drain`, then it is killed. "
        "Who was promised more time gets no answer.",
        with_services(_WAITING, _index("drain: 5s")),
        with_services(_WAITING, _index("drain: 20s")),
    ),
    Explanation(
        "HW056",
        "a very slow start",
        "A warning. Until a newcomer has its full share the others carry the rest, also when all "
        "replicas are being replaced. Caches are rarely cold for minutes.",
        service(_RUN, "slow_start: 5m"),
        service(_RUN, "slow_start: 30s"),
    ),
    Explanation(
        "HW057",
        "one zone cannot be spread over",
        "A warning. `spread: zone` divides replicas over zones so that the loss of one is "
        "survived. On one machine `hosts` describes places that stand for a larger geometry.",
        service(_RUN, "spread: zone"),
        _GOOD.replace("services:", "hosts: {a: {zone: east}, b: {zone: west}}\nservices:").replace(
            _RUN, _RUN + "\n    spread: zone"
        ),
    ),
    Explanation(
        "HW058",
        "two environments want one port",
        "A warning. Environments of a site run side by side, and a port of a machine belongs to "
        "one of them. Without a port an environment takes any free one.",
        _GOOD + 'environments:\n  test: {"entry.port": 8080}\n',
        _GOOD + 'environments:\n  test: {"entry.port": 8081}\n',
    ),
    Explanation(
        "HW059",
        "all calls come from one source",
        "A warning. `hash: source` tells clients apart by their address. Services of a site all "
        "call from the same machine, so each of their requests goes to any replica, by chance.",
        with_services(_CALLING, _index("balance: hash, hash: source")),
        with_services(_CALLING, _index("balance: hash, hash: {header: x-user}")),
    ),
)
