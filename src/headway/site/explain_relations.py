"""Explanations of HW040 to HW053: what several values mean together."""

from headway.site.explanation import HEAD, Explanation, service, with_services

_RUN = "run: python -m search.frontend"
_GOOD = service(_RUN)
_INDEX = "index: {run: ./index, replicas: 2}"


def _frontend(rest: str) -> str:
    return f"frontend:\n    {_RUN}\n    {rest}"


RELATIONS = (
    Explanation(
        "HW040",
        "the entry leads nowhere",
        "`entry.service` names the service of this site that answers users.",
        with_services(f"fronted: {{{_RUN}}}"),
        _GOOD,
    ),
    Explanation(
        "HW041",
        "the entry has no port",
        "In production users must find the site where they left it. Other environments take any "
        "free port.",
        _GOOD.replace(", port: 8080", ""),
        _GOOD,
    ),
    Explanation(
        "HW042",
        "required calls form a circle",
        "If each needs the next, none can be the first to work, and one slow service stops all. "
        "A call that is `optional: true` may close a circle.",
        with_services(
            _frontend("replicas: 2\n    calls: {index: {}}"),
            "index:\n    run: ./index\n    replicas: 2\n    calls: {frontend: {}}",
        ),
        with_services(
            _frontend("replicas: 2\n    calls: {index: {}}"),
            "index:\n    run: ./index\n    replicas: 2\n    calls: {frontend: {optional: true}}",
        ),
    ),
    Explanation(
        "HW043",
        "ready_min is more than there are replicas",
        "`ready_min` is what we never go below by our own doing. It cannot be more than all.",
        service(_RUN, "replicas: 2", "ready_min: 3"),
        service(_RUN, "replicas: 2", "ready_min: 1"),
    ),
    Explanation(
        "HW044",
        "no surge and no slack",
        "To replace a replica, either one more must run for a while (`surge_max`), or one fewer "
        "must do (`ready_min`). With neither, no release could ever begin.",
        service(_RUN, "replicas: 2", "ready_min: 2", "surge_max: 0"),
        service(_RUN, "replicas: 2", "ready_min: 2", "surge_max: 1"),
    ),
    Explanation(
        "HW045",
        "a deadline that nobody waits for",
        "The entry has `latency_budget`; what it calls must be faster, and so on along every "
        "path. A call that may take longer than its caller has only keeps machines busy.",
        with_services(_frontend("calls: {index: {deadline: 300ms}}"), _INDEX)
        + "latency_budget: 200ms\n",
        with_services(_frontend("calls: {index: {deadline: 150ms}}"), _INDEX)
        + "latency_budget: 200ms\n",
    ),
    Explanation(
        "HW046",
        "a required call to a single replica",
        "A warning. When that one replica fails, its caller fails too, until another has started.",
        with_services(_frontend("calls: {index: {}}"), "index: {run: ./index}"),
        with_services(_frontend("calls: {index: {}}"), _INDEX),
    ),
    Explanation(
        "HW047",
        "a job cannot be called",
        "A job runs once and serves nobody. Calls and the entry lead to services.",
        with_services(_frontend("calls: {index: {}}"), "index: {run: ./index, kind: job}"),
        with_services(_frontend("calls: {index: {}}"), _INDEX),
    ),
    Explanation(
        "HW048",
        "a setting that would do nothing",
        "A job has no health and gets no traffic; a service that does not speak HTTP cannot "
        "answer a GET. What would be ignored is refused.",
        service(_RUN, "protocol: tcp", "health: {expect: ok}"),
        service(_RUN, "protocol: tcp", "health: {expect: connect}"),
    ),
    Explanation(
        "HW049",
        "a service named like a replica",
        "Replicas are called after their service and a number. `headway drain frontend-2` must "
        "mean one thing.",
        with_services(f"frontend: {{{_RUN}}}", "frontend-2: {run: ./other}"),
        with_services(f"frontend: {{{_RUN}}}", "frontend-b: {run: ./other}"),
    ),
    Explanation(
        "HW050",
        "an override that matches nothing",
        "A path of an environment was meant to change something: `<service>.<key>`, "
        "`*.<key>` for every service, `entry.<key>`, `latency_budget`, `owner`, `hosts` or "
        "`secrets.<name>`.",
        _GOOD + 'environments:\n  test: {"fronted.replicas": 1}\n',
        _GOOD + 'environments:\n  test: {"frontend.replicas": 1}\n',
    ),
    Explanation(
        "HW051",
        "an environment that is not described",
        "`production` is always there; every other environment is named under `environments`, "
        "if only as `test: {}`. With `--env` another name was asked for.",
        HEAD + f"  frontend: {{{_RUN}}}\n",
        HEAD + f"  frontend: {{{_RUN}}}\nenvironments: {{micro: {{}}}}\n",
    ),
    Explanation(
        "HW052",
        "too many",
        "One site has at most 500 services, 20 environments and 100 hosts.",
        _GOOD + "environments:\n" + "".join(f"  person-{n}: {{}}\n" for n in range(21)),
        _GOOD + "environments:\n  person-1: {}\n",
    ),
    Explanation(
        "HW053",
        "no service",
        "A site consists of services. One is enough.",
        HEAD,
        _GOOD,
    ),
)
