"""The same samples in our own source and in a real Prometheus, and one question to both."""

import json
import math
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from headway.monitoring.matching import predicate
from headway.monitoring.promql.evaluate import query
from headway.monitoring.promql.setting import Setting
from headway.monitoring.promql.values import Ranges, Scalar, Text, Vector
from headway.monitoring.series import NAME, STALE, Group, Hint, Labels, Matcher, is_stale

BEGIN_MS = 1_700_000_000_000 - 1_700_000_000_000 % 7_200_000
EVERY_MS = 15_000
OFFSET_MS = 7_123  # no question ever hits a sample exactly: versions differ there
SAMPLES = 960  # four hours


@dataclass(frozen=True, slots=True)
class Samples:
    """Satisfies `Source` from memory."""

    groups: tuple[Group, ...]

    def select(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        hint: Hint | None = None,
    ) -> list[Group]:
        del hint
        fits = predicate(matchers)
        found = []
        for group in self.groups:
            rows = [row for row, labels in enumerate(group.labels) if fits(labels)]
            first, end = np.searchsorted(group.times_ms, [start_ms, end_ms + 1])
            if rows and first < end:
                labels = [group.labels[row] for row in rows]
                values = group.values[rows, first:end]
                found.append(Group(labels, group.times_ms[first:end], values))
        return found


def made(seed: int) -> Samples:
    """Counters that restart, gauges, a histogram, odd values; series that come, go and pause."""
    chance = Random(seed)
    targets = [_target(chance, number) for number in range(4)]
    return Samples(tuple(group for target in targets for group in _without_gaps(target)))


def _without_gaps(target: Group) -> Iterator[Group]:
    """The text format has no staleness markers: what is absent there is only silent here."""
    gone = is_stale(target.values)
    whole = [row for row in range(len(gone)) if not gone[row].any()]
    labels = [target.labels[row] for row in whole]
    yield Group(labels, target.times_ms, target.values[whole])
    for row in set(range(len(gone))) - set(whole):
        there = ~gone[row]
        values = target.values[row, there][None, :]
        yield Group([target.labels[row]], target.times_ms[there], values)


def _target(chance: Random, number: int) -> Group:
    times_ms = BEGIN_MS + OFFSET_MS + number * 331 + np.arange(SAMPLES, dtype=np.int64) * EVERY_MS
    common = {"instance": f"host-{number}:80", "job": "web" if number < 3 else "db"}
    rows: list[tuple[Labels, np.ndarray]] = []
    for code, path in (("200", "/"), ("200", "/a"), ("404", "/"), ("500", "/b")):
        labels = {NAME: "requests_total", "code": code, "path": path, **common}
        rows.append((labels, _counter(chance)))
    for le in ("0.1", "0.5", "1", "2.5", "+Inf"):
        labels = {NAME: "latency_seconds_bucket", "le": le, **common}
        rows.append((labels, rows[-1][1] + _counter(chance) if le != "0.1" else _counter(chance)))
    rows.append(({NAME: "latency_seconds_count", **common}, rows[-1][1]))
    rows.append(({NAME: "latency_seconds_sum", **common}, _counter(chance) * 0.37))
    for zone in ("a", "b"):
        rows.append(({NAME: "load", "zone": zone, **common}, _walk(chance)))
    rows.append(({NAME: "temperature_celsius", **common}, _walk(chance) - 5.5))
    rows.append(({NAME: "build_info", "version": f"1.{number % 2}", **common}, np.ones(SAMPLES)))
    rows.append(({NAME: "odd", "kind": "mixed", **common}, _odd(chance)))
    rows.append(({NAME: "constant", **common}, np.full(SAMPLES, 4.0 + number)))
    values = np.array([row for _, row in rows])
    for row in range(len(rows)):
        _pause(chance, values[row])
    return Group([labels for labels, _ in rows], times_ms, values)


def _counter(chance: Random) -> np.ndarray:
    total, rate, values = chance.randrange(100), chance.randrange(1, 30), []
    for _ in range(SAMPLES):
        total = 0 if chance.random() < 0.004 else total + chance.randrange(rate + 1)
        values.append(float(total))
    return np.array(values)


def _walk(chance: Random) -> np.ndarray:
    level, values = chance.random() * 20, []
    for _ in range(SAMPLES):
        level += chance.uniform(-1, 1)
        values.append(round(level, chance.choice((1, 3, 9))))
    return np.array(values)


def _odd(chance: Random) -> np.ndarray:
    return np.array(
        [chance.choice((math.nan, math.inf, -math.inf, 0.0, 1.0, -2.5)) for _ in range(SAMPLES)]
    )


def _pause(chance: Random, values: np.ndarray) -> None:
    """Some series begin late, end early or are silent for longer than anybody looks back."""
    kind = chance.randrange(6)
    if kind == 0:
        values[: chance.randrange(200)] = STALE
    elif kind == 1:
        values[-chance.randrange(1, 200) :] = STALE
    elif kind == 2:
        begin = chance.randrange(SAMPLES - 100)
        values[begin : begin + chance.randrange(30, 90)] = STALE


def openmetrics(samples: Samples) -> Iterator[str]:
    """For `promtool tsdb create-blocks-from openmetrics`."""
    for group in samples.groups:
        for labels, row in zip(group.labels, group.values, strict=True):
            rest = ",".join(f'{k}="{v}"' for k, v in labels.items() if k != NAME)
            for at_ms, value in zip(group.times_ms, row, strict=True):
                yield f"{labels[NAME]}{{{rest}}} {_number(value)} {at_ms / 1000:.3f}\n"
    yield "# EOF\n"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    start_ms: int
    end_ms: int
    step_ms: int  # 0: at start_ms only


Answer = Mapping[tuple[tuple[str, str], ...], Mapping[int, float]] | str


def ours(samples: Samples, question: Question) -> Answer:
    """Series -> time -> value, or the reason why there is no answer."""
    setting = Setting(samples, question.start_ms, question.end_ms)
    try:
        value = query(question.text, setting, step_ms=question.step_ms)
    except ValueError as error:
        return str(error)
    step_ms = question.step_ms or 1
    at_ms = (
        range(question.start_ms, question.end_ms + 1, step_ms)
        if question.step_ms
        else [question.start_ms]
    )
    match value:
        case Scalar():
            return {(): {t: float(v) for t, v in zip(at_ms, value.values, strict=True)}}
        case Text():
            return {(): {}}
        case Vector():
            return {
                tuple(sorted(labels.items())): {
                    t: float(row[i]) for i, t in enumerate(at_ms) if there[i]
                }
                for labels, row, there in zip(
                    value.labels, value.values, value.present, strict=True
                )
            }
        case Ranges():
            return {
                tuple(sorted(labels.items())): {
                    int(t): float(v)
                    for t, v in zip(
                        window.times_ms[window.first[0] : window.end[0]],
                        row[window.first[0] : window.end[0]],
                        strict=True,
                    )
                }
                for window in value.windows
                for labels, row in zip(window.labels, window.values, strict=True)
                if window.end[0] > window.first[0]
            }


def theirs(url: str, question: Question) -> Answer:
    fields: dict[str, Any] = {"query": question.text}
    if question.step_ms:
        path = "query_range"
        fields["start"], fields["end"] = question.start_ms / 1000, question.end_ms / 1000
        fields["step"] = question.step_ms / 1000
    else:
        path, fields["time"] = "query", question.start_ms / 1000
    body = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(f"{url}/api/v1/{path}", data=body)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            told = json.load(response)["data"]
    except urllib.error.HTTPError as error:
        with error:
            return str(json.load(error)["error"])
    match told["resultType"]:
        case "scalar":
            at, value = told["result"]
            return {(): {round(at * 1000): float(value)}}
        case "string":
            return {(): {}}
        case kind:
            single = kind == "vector"
            return {
                tuple(sorted(series["metric"].items())): {
                    round(at * 1000): float(value)
                    for at, value in ([series["value"]] if single else series["values"])
                }
                for series in told["result"]
            }


def difference(our: Answer, their: Answer, tolerance: float = 1e-9) -> str:
    """The first thing that differs; empty when nothing does. Two refusals are equal."""
    if isinstance(our, str) or isinstance(their, str):
        both = isinstance(our, str) and isinstance(their, str)
        return "" if both else f"ours: {_brief(our)}; theirs: {_brief(their)}"
    for labels in our.keys() | their.keys():
        if labels not in our or labels not in their:
            return f"{dict(labels)} only in {'ours' if labels in our else 'theirs'}"
        mine, other = our[labels], their[labels]
        if mine.keys() != other.keys():
            at = min(mine.keys() ^ other.keys())
            return f"{dict(labels)} at {at}: only in {'ours' if at in mine else 'theirs'}"
        for at, value in mine.items():
            if not _same(value, other[at], tolerance):
                return f"{dict(labels)} at {at}: {value!r}, theirs {other[at]!r}"
    return ""


def _same(a: float, b: float, tolerance: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-12)


def _brief(answer: Answer) -> str:
    return f"refused: {answer}" if isinstance(answer, str) else f"{len(answer)} series"
