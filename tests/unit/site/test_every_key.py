"""Every key that was ever promised either works or is refused by name; none is ignored."""

import pytest

from headway.site import later
from headway.site.explanation import HEAD, service
from headway.site.parse import parse
from headway.site.shaping import SHAPES

# Where the key stands -> lines of a whole and valid use of it.
WORKS = {
    "site": [
        "owner: search-team",
        "latency_budget: 200ms",
        "hosts: {a: {zone: east, weight: 2}, b: }",
        "environments: {test: {'*.replicas': 1}}",
        "secrets: {ads-key: {file: ./ads-key}, vault-key: {exec: vault read}}",
    ],
    "service": [
        "kind: service",
        "protocol: http",
        "protocol: grpc",
        "protocol: websocket",
        "protocol: tcp",
        "owner: frontend-team",
        "replicas: 3",
        "ready_min: 1",
        "surge_max: 2",
        "health: {path: /healthz, expect: ok, every: 40ms, timeout: 80ms, start: 30s}",
        "balance: round-robin",
        "balance: weighted",
        "balance: least-loaded",
        "balance: least-request",
        "{balance: hash, hash: {header: x-user}}",
        "{balance: weighted, weight: [1]}",
        "slow_start: 10s",
        "spread: host",
        "calls: {frontend: {deadline: 150ms, optional: true}}",
        "drain: 5s",
        "overload: {in_flight: 256, rate: 2000/s}",
        "resources: {cpu: 0.5, memory: 256MB}",
        'env: {WORDS: ./words.txt, KEY: "${secret:ads-key}"}',
        "files: [words.txt]",
    ],
}
LATER = {
    "site": [
        "slo: {answered: 99.9%, within_budget: 99%, window: 28d}",
        "alerts: [{name: index stale}]",
        "oncall: {search: {rota: [first, second]}}",
        "drills: [{kill: one index leaf}]",
        "flags: {}",
        "probes: []",
        "schedules: []",
        "release: {canary: 10%}",
        "scaling: {}",
        "degrade: {}",
        "experiments: []",
    ],
    "service": [
        "kind: state",
        "replicas: {min: 4, max: 12, target: 60%}",
        "build: make",
        "check: make test",
        "test: ./smoke",
        "tree: {shards: 4, fanout: 2, replicas: {leaf: 2, parent: 2, root: 2}}",
        "shards: 4",
        "answer: {enough: 95% of shards, hedge: p95}",
        "release: {canary: 10%, steps: [25%, 50%, 100%], bake: 60s}",
        "slo: {answered: 99.9%}",
        "alerts: []",
        "probes: []",
        "flags: []",
        "schedule: weekday 11:00",
        "scaling: {}",
        "degrade: []",
        "volume: ./data",
        "balance: random",
        "calls: {frontend: {optional: true, retries: 2}}",
        "calls: {frontend: {optional: true, hedge: p95}}",
        "calls: {frontend: {optional: true, fallback: {}}}",
    ],
}
# Drafts of the format used other words; whoever remembers them is told the right ones.
RENAMED = {
    "site": ["budget: 200ms", "profiles: {laptop: {}}"],
    "service": ["needs: {cpu: 2, memory: 4GB}"],
}


def described(kind: str, line: str) -> str:
    if kind == "site":
        return HEAD + "  frontend: {run: x}\n" + line + "\n"
    if line.startswith("{"):
        return HEAD + "  frontend: {run: x, " + line[1:] + "\n"
    return service("run: x", line)


def lines(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(kind, line) for kind, found in table.items() for line in found]


@pytest.mark.parametrize(("kind", "line"), lines(WORKS))
def test_it_works(kind: str, line: str) -> None:
    assert parse(described(kind, line), file="site.yaml").problems == ()


@pytest.mark.parametrize(("kind", "line"), lines(LATER))
def test_it_is_refused_as_not_supported_yet(kind: str, line: str) -> None:
    (problem,) = parse(described(kind, line), file="site.yaml").problems
    assert problem.code == "HW013"
    assert problem.help


@pytest.mark.parametrize(("kind", "line"), lines(RENAMED))
def test_it_is_called_otherwise_and_that_is_said(kind: str, line: str) -> None:
    (problem,) = parse(described(kind, line), file="site.yaml").problems
    assert (problem.code, problem.help[:5]) == ("HW011", "write")


def test_the_lists_above_are_whole() -> None:
    """A key that starts to work, or is promised, is listed here too."""
    shapes = {s.name_in_later: s for s in SHAPES.values() if s.name_in_later in WORKS}
    for kind, shape in shapes.items():
        working = "\n".join(WORKS[kind])
        needed = {"headway", "site", "entry", "services", "run"}
        assert [k for k in shape.model_fields if f"{k}:" not in working and k not in needed] == []
        refused = "\n".join(LATER[kind])
        assert [k for k in later.KEYS[kind] if f"{k}:" not in refused] == []
