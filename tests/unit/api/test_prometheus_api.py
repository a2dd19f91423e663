"""Prometheus' HTTP API: its forms, its kinds of errors, its limits."""

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.api.prometheus_world import BEGIN_S, STEP_S, STEPS, Served, served

from headway.api.address import monitor_settings_path
from headway.api.prometheus.asked import BadDataError, read_duration_ms, read_time_ms

END_S = BEGIN_S + (STEPS - 1) * STEP_S
RANGE = {"start": BEGIN_S + 60, "end": END_S, "step": "1m"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_instant_query_is_answered(api: Served, method: str) -> None:
    asked = {"query": "sum by(service)(rate(requests_total[1m]))", "time": END_S}
    data = api.data("/query", asked, method=method)
    assert data["resultType"] == "vector"
    values = {one["metric"]["service"]: one["value"] for one in data["result"]}
    assert values == {"web": [END_S, "1"], "index": [END_S, "2"]}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_range_query_has_a_point_for_each_step(api: Served, method: str) -> None:
    asked = {"query": "rate(requests_total{service='web'}[1m])", **RANGE}
    (series,) = api.data("/query_range", asked, method=method)["result"]
    assert series["metric"] == {"job": "web", "service": "web", "code": "200"}
    assert series["values"] == [[float(BEGIN_S + 60 * n), "1"] for n in range(1, 11)]


@pytest.mark.parametrize(
    ("text", "kind", "result"),
    [
        ("1 + 1", "scalar", [END_S, "2"]),
        ('"words"', "string", [END_S, "words"]),
        ("vector(1) / 0", "vector", [{"metric": {}, "value": [END_S, "+Inf"]}]),
        ("vector(0) / 0", "vector", [{"metric": {}, "value": [END_S, "NaN"]}]),
        ("nothing", "vector", []),
        (
            "clock{service='web'}[15s]",
            "matrix",
            [
                {
                    "metric": {"__name__": "clock", "job": "web", "service": "web"},
                    "values": [
                        [float(END_S - STEP_S), f"{END_S - STEP_S}"],
                        [float(END_S), f"{END_S}"],
                    ],
                }
            ],
        ),
    ],
)
def test_each_kind_of_answer_is_written_as_prometheus_writes_it(
    api: Served, text: str, kind: str, result: list[Any]
) -> None:
    assert api.data("/query", {"query": text, "time": END_S}) == {
        "resultType": kind,
        "result": result,
    }


@pytest.mark.parametrize(
    ("path", "form", "status", "kind"),
    [
        ("/query", {}, 400, "bad_data"),
        ("/query", {"query": "sum("}, 400, "bad_data"),
        ("/query", {"query": "up", "time": "yesterday"}, 400, "bad_data"),
        ("/query", {"query": "up", "timeout": "soon"}, 400, "bad_data"),
        ("/query", {"query": 'up{a=~"("}'}, 400, "bad_data"),
        ("/query", {"query": "clock * on() clock", "time": END_S}, 422, "execution"),
        ("/query_range", {"query": "up"}, 400, "bad_data"),
        ("/query_range", {"query": "up", **RANGE, "step": 0}, 400, "bad_data"),
        ("/query_range", {"query": "up", **RANGE, "end": 0}, 400, "bad_data"),
        ("/query_range", {"query": "up", "start": 0, "end": 1e9, "step": 1}, 400, "bad_data"),
        ("/query_range", {"query": "(up[1m])", **RANGE}, 400, "bad_data"),
        ("/query_range", {"query": "'text'", **RANGE}, 400, "bad_data"),
        ("/series", {}, 400, "bad_data"),
        ("/series", {"match[]": "rate(up[1m])"}, 400, "bad_data"),
        ("/label/no-name/values", {}, 400, "bad_data"),
        ("/format_query", {"query": "("}, 400, "bad_data"),
        ("/labels", {"limit": "many"}, 400, "bad_data"),
    ],
)
def test_what_cannot_be_answered_has_prometheus_kind_of_error(
    api: Served, path: str, form: dict[str, object], status: int, kind: str
) -> None:
    got, answer = api.ask(path, form)
    assert (got, answer["status"], answer["errorType"]) == (status, "error", kind)
    assert answer["error"]


def test_doubts_about_a_query_come_beside_its_answer(api: Served) -> None:
    _, answer = api.ask("/query", {"query": "rate(clock[1m])", "time": END_S})
    (info,) = answer["infos"]
    assert info.startswith("PromQL info: metric might not be a counter")


def test_what_there_is_can_be_looked_up(api: Served) -> None:
    both = [("match[]", "clock"), ("match[]", '{__name__=~"requests.*",service="web"}')]
    names = [one["__name__"] for one in api.data("/series", both)]
    assert names == ["clock", "clock", "requests_total"]
    assert api.data("/labels") == ["__name__", "code", "job", "service"]
    assert api.data("/labels", {"match[]": "clock"}) == ["__name__", "job", "service"]
    assert api.data("/label/service/values") == ["index", "web"]
    assert api.data("/label/service/values", {"match[]": 'clock{job="web"}'}) == ["web"]
    assert api.data("/label/service/values", {"end": BEGIN_S - 3600}) == []


def test_a_limit_cuts_and_says_so(api: Served) -> None:
    _, answer = api.ask("/label/service/values", {"limit": 1})
    assert answer["data"] == ["index"]
    assert answer["warnings"]


def test_the_small_routes_answer(api: Served) -> None:
    assert api.data("/format_query", {"query": "sum(rate(x[5m]))by(a)"}) == (
        "sum by (a) (rate(x[5m]))"
    )
    assert api.data("/targets")["activeTargets"] == []
    assert api.data("/metadata") == {}
    assert api.data("/query_exemplars", {"query": "up"}) == []
    assert api.data("/status/buildinfo")["version"]


def test_a_query_ends_when_its_time_is_over(api: Served) -> None:
    heavy = "sum_over_time(clock[1m:1ms])"
    form = {"query": heavy, "time": END_S, "timeout": "1ms"}
    status, answer = api.ask("/query", form)
    assert (status, answer["errorType"]) == (503, "timeout")


def test_who_would_wait_in_vain_is_told_at_once(tmp_path: Path) -> None:
    with served(tmp_path, at_once_max=1) as api:
        heavy = {"query": "sum_over_time(clock[5m:1ms])", "time": END_S}
        answers: list[int] = []
        askers = [
            threading.Thread(target=lambda: answers.append(api.ask("/query", heavy)[0]))
            for _ in range(40)
        ]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert 503 in answers
        assert 200 in answers


def test_over_tcp_only_who_names_this_machine_is_answered(
    tmp_path: Path, eventually: Callable[[Callable[[], object], float], None]
) -> None:
    port = _free_port()
    monitor_settings_path(tmp_path).write_text(f'listen = "127.0.0.1:{port}"\n')
    with served(tmp_path):
        eventually(lambda: _is_open(port), 10.0)
        assert _status(port, "localhost") == 200
        assert _status(port, f"127.0.0.1:{port}") == 200
        assert _status(port, "attacker.example") == 403
        assert _status(port, "") == 403


@pytest.mark.parametrize("listen", ['"0.0.0.0:9"', '"127.0.0.1:PORT"\n[tls]\ncert="a"\nkey="b"'])
def test_nobody_else_can_be_let_in(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    listen: str,
    eventually: Callable[[Callable[[], object], float], None],
) -> None:
    port = _free_port()
    monitor_settings_path(tmp_path).write_text(f"listen = {listen.replace('PORT', str(port))}\n")
    with served(tmp_path):
        eventually(lambda: "not served over TCP" in caplog.text, 10.0)
        with pytest.raises(ConnectionRefusedError):
            _status(port, "localhost")


def _status(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/-/ready", headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("1700000000.5", 1_700_000_000_500),
        ("1.7e9", 1_700_000_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T22:13:20.123456789Z", 1_700_000_000_123),
        ("2023-11-15T00:13:20+02:00", 1_700_000_000_000),
    ],
)
def test_times_are_read_as_prometheus_reads_them(text: str, milliseconds: int) -> None:
    assert read_time_ms(text) == milliseconds


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("15", 15_000), ("0.5", 500), ("15s", 15_000), ("1h30m", 5_400_000), ("1d", 86_400_000)],
)
def test_durations_are_read_as_prometheus_reads_them(text: str, milliseconds: int) -> None:
    assert read_duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["", "1e400", "nan", "1x", "-", "1 s", "9" * 400, "\u0661s"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(BadDataError):
        read_duration_ms(text)
    with pytest.raises(BadDataError):
        read_time_ms(text)
