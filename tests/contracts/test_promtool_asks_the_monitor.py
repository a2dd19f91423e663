"""promtool of Debian takes the monitor for a Prometheus."""

import subprocess
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest
from tests.contracts.traffic_world import free_port
from tests.debs import programs
from tests.unit.api.prometheus_world import BEGIN_S, STEP_S, STEPS, served

from headway.api.address import monitor_settings_path

END_S = BEGIN_S + (STEPS - 1) * STEP_S
ASK_S_MAX = 30.0

Ask = Callable[..., str]


@pytest.fixture(scope="module")
def promtool(
    tmp_path_factory: pytest.TempPathFactory, not_run: Callable[[str], NoReturn]
) -> Iterator[Ask]:
    binary = programs("prometheus", not_run=not_run) / "promtool"
    home, port = tmp_path_factory.mktemp("home"), free_port()
    monitor_settings_path(home).write_text(f'listen = "127.0.0.1:{port}"\n')

    def ask(what: str, *words: str, options: tuple[str, ...] = (), status: int = 0) -> str:
        command = [str(binary), "query", what, *options, f"http://127.0.0.1:{port}", *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=ASK_S_MAX, check=False
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    with served(home) as api:
        assert api.data("/status/buildinfo")
        yield ask


@pytest.mark.contract
def test_an_instant_query(promtool: Ask) -> None:
    said = promtool(
        "instant", "sum by(service)(rate(requests_total[1m]))", options=(f"--time={END_S}",)
    )
    assert sorted(said.splitlines()) == [
        f'{{service="index"}} => 2 @[{END_S}]',
        f'{{service="web"}} => 1 @[{END_S}]',
    ]


@pytest.mark.contract
def test_a_range_query(promtool: Ask) -> None:
    said = promtool(
        "range",
        "sum(rate(requests_total[1m]))",
        options=(f"--start={END_S - 120}", f"--end={END_S}", "--step=1m"),
    )
    assert said.splitlines()[-3:] == [f"3 @[{END_S - 60 * n}]" for n in (2, 1, 0)]


@pytest.mark.contract
def test_series_and_labels(promtool: Ask) -> None:
    where = (f"--start={BEGIN_S}", f"--end={END_S}")
    said = promtool("series", options=("--match=requests_total", *where))
    assert '{__name__="requests_total", code="200", job="web", service="web"}' in said
    assert promtool("labels", "service", options=where).split() == ["index", "web"]


@pytest.mark.contract
def test_an_error_is_told_as_promtool_tells_those_of_prometheus(promtool: Ask) -> None:
    assert "bad_data" in promtool("instant", "sum(", status=1)
    assert "execution" in promtool(
        "instant", "clock * on() clock", options=(f"--time={END_S}",), status=1
    )
