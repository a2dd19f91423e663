"""What a description means: defaults, environments, and all problems at once."""

from dataclasses import replace
from pathlib import Path

import pytest

from headway.model.ids import EnvironmentName, ServiceName
from headway.model.site import Balance, Call, Entry, Expect, Health, Kind, Protocol, Service
from headway.site import parse as parse_module
from headway.site.expand import expand
from headway.site.explanation import service, with_services
from headway.site.parse import Parsed, parse

REFERENCE = (Path(parse_module.__file__).parent / "reference.yaml").read_text(encoding="utf-8")
MICRO = EnvironmentName("micro")


def read(text: str, environment: str = "production") -> Parsed:
    return parse(text, file="site.yaml", environment=EnvironmentName(environment))


def only_service(*lines: str, environment: str = "production", more: str = "") -> Service:
    parsed = read(service(*lines) + more, environment)
    assert parsed.site is not None, parsed.report()
    return parsed.site.services[ServiceName("frontend")]


def test_six_lines_are_a_site_and_the_rest_is_defaults() -> None:
    parsed = read(service("run: python -m search.frontend"))
    assert parsed.problems == ()
    assert parsed.site is not None
    assert parsed.site.entry == Entry(ServiceName("frontend"), 8080, 15.0)
    assert parsed.site.services == {
        ServiceName("frontend"): Service(
            name=ServiceName("frontend"),
            owner="search",
            run=("python", "-m", "search.frontend"),
            env={},
        )
    }


def test_the_reference_has_no_problem_in_any_environment() -> None:
    for environment in ("production", "test", "micro"):
        assert read(REFERENCE, environment).problems == ()


@pytest.mark.parametrize(
    ("replicas", "ready_min"), [(0, 0), (1, 1), (2, 1), (3, 2), (10, 9)], ids=str
)
def test_all_but_one_stay_ready_unless_said_otherwise(replicas: int, ready_min: int) -> None:
    assert only_service("run: x", f"replicas: {replicas}").ready_min == ready_min


def test_a_job_is_never_ready() -> None:
    job = only_service("run: x")
    text = with_services("frontend: {run: x}", "warm-up: {run: y, kind: job, replicas: 3}")
    site = read(text).site
    assert site is not None
    assert job.kind is Kind.SERVICE
    assert site.services[ServiceName("warm-up")].ready_min == 0


@pytest.mark.parametrize(
    ("protocol", "expect"),
    [("http", "ok"), ("websocket", "ok"), ("grpc", "connect"), ("tcp", "connect")],
)
def test_what_cannot_be_asked_is_connected_to(protocol: str, expect: str) -> None:
    found = only_service("run: x", f"protocol: {protocol}")
    assert (found.protocol, found.health.expect) == (Protocol(protocol), Expect(expect))


def test_units_become_seconds_and_bytes() -> None:
    found = only_service(
        "run: x",
        "drain: 1.5s",
        "health: {every: 50ms, timeout: 100000us, start: 2m}",
        "resources: {memory: 1.5GiB, cpu: 2}",
    )
    assert found.drain_s == 1.5
    assert found.health == Health(every_s=0.05, timeout_s=0.1, start_s=120.0)
    assert found.resources.memory_bytes == 3 * 2**29
    assert found.resources.cpu == 2.0


def test_numbers_in_variables_keep_their_spelling() -> None:
    found = only_service("run: x", 'env: {A: 1.10, B: 8080, C: "012", D: "", E: 2026-11-22}')
    assert found.env == {"A": "1.10", "B": "8080", "C": "012", "D": "", "E": "2026-11-22"}


def test_least_request_is_another_word_for_least_loaded() -> None:
    assert only_service("run: x", "balance: least-request").balance is Balance.LEAST_LOADED


def test_calls_may_be_given_without_anything() -> None:
    text = with_services(
        "frontend: {run: x, calls: {index: , ads: {deadline: 80ms, optional: true}}}",
        "index: {run: y, replicas: 2}",
        "ads: {run: z}",
    )
    parsed = read(text)
    assert parsed.site is not None, parsed.report()
    assert parsed.site.services[ServiceName("frontend")].calls == (
        Call(ServiceName("ads"), 0.08, optional=True),
        Call(ServiceName("index")),
    )


def test_order_never_matters() -> None:
    lines = read(REFERENCE).text.split("services:\n")
    turned = "services:\n" + lines[1] + lines[0]
    assert read(turned).site == read(REFERENCE).site


def test_all_problems_are_reported_at_once_in_the_order_of_the_file() -> None:
    parsed = read(
        "headway: 1\nsite: Search\nentry: {service: fronted, port: 8080}\nservices:\n"
        "  frontend:\n    run: a && b\n    replicas: two\n    drain: 5\n    bild: x\n"
        "    tree: {}\n    calls: {index: {deadline: 1}, indx: {}}\n"
        "  index: {run: x, replicas: 2, ready_min: 3}\n"
        'environments: {test: {"*.replcas": 1}}\n'
    )
    expected = "HW024 HW040 HW027 HW022 HW020 HW011 HW013 HW020 HW012 HW043 HW050"
    assert [p.code for p in parsed.problems] == expected.split()
    assert parsed.site is None


def test_what_rests_on_a_mistake_is_not_reported_again() -> None:
    parsed = read(service("run: x", "replcas: 3", "ready_min: 2"))
    assert [p.code for p in parsed.problems] == ["HW011"]


def test_a_warning_alone_leaves_a_site() -> None:
    parsed = read(with_services("frontend: {run: x, calls: {index: {}}}", "index: {run: y}"))
    assert parsed.site is not None
    assert parsed.errors == ()
    assert [p.code for p in parsed.warnings] == ["HW046"]
    assert "Nothing was changed" not in parsed.report()


def test_optional_calls_may_form_a_circle() -> None:
    text = with_services(
        "frontend: {run: x, replicas: 2, calls: {index: {}}}",
        "index: {run: y, replicas: 2, calls: {frontend: {optional: true}}}",
    )
    assert read(text).problems == ()


def test_a_deadline_fits_when_one_way_to_the_caller_leaves_time() -> None:
    text = "latency_budget: 200ms\n" + with_services(
        "frontend: {run: x, calls: {slow: {deadline: 190ms}, mid: {deadline: 50ms}}}",
        "mid: {run: x, replicas: 2, calls: {slow: {deadline: 40ms}}}",
        "slow: {run: x, replicas: 2, calls: {leaf: {deadline: 180ms}}}",
        "leaf: {run: x, replicas: 2}",
    )
    assert read(text).problems == ()


def test_an_environment_changes_only_what_it_names() -> None:
    production, micro = read(REFERENCE).site, read(REFERENCE, "micro").site
    assert production is not None
    assert micro is not None
    index = ServiceName("index")
    small = replace(production.services[index], replicas=1, ready_min=1)
    assert micro.services[index] == small
    assert micro.latency_budget_s == 2.0
    assert {s.replicas for s in micro.services.values()} == {1}


def test_the_exact_path_wins_over_every_service_wherever_it_stands() -> None:
    for order in (
        '"frontend.replicas": 4, "*.replicas": 1',
        '"*.replicas": 1, "frontend.replicas": 4',
    ):
        found = only_service(
            "run: x", environment="micro", more=f"environments: {{micro: {{{order}}}}}"
        )
        assert found.replicas == 4


@pytest.mark.parametrize(
    ("described", "expected"),
    [("ready_min: 3", 1), ("ready_min: 3, surge_max: 0", 0), ("ready_min: 0", 0)],
)
def test_fewer_replicas_in_an_environment_take_ready_min_along(
    described: str, expected: int
) -> None:
    text = with_services(f"frontend: {{run: x, replicas: 4, {described}}}")
    site = read(text + 'environments: {micro: {"*.replicas": 1}}', "micro").site
    assert site is not None
    assert site.services[ServiceName("frontend")].ready_min == expected


def test_ports_of_production_are_not_used_elsewhere() -> None:
    text = service("run: x") + 'environments: {test: {}, micro: {"entry.port": 8081}}\n'
    ports = {e: read(text, e).site for e in ("production", "test", "micro")}
    assert {e: s.entry.port for e, s in ports.items() if s is not None} == {
        "production": 8080,
        "test": None,
        "micro": 8081,
    }


def test_only_production_needs_a_port() -> None:
    text = service("run: x").replace(", port: 8080", "") + "environments: {micro: {}}\n"
    assert [p.code for p in read(text).problems] == ["HW041"]
    assert read(text, "micro").problems == ()


def test_an_override_is_blamed_where_it_was_written() -> None:
    text = service("run: x") + 'environments:\n  micro:\n    "frontend.drain": 5\n'
    problem = read(text, "micro").problems[0]
    assert (problem.code, problem.line, problem.column) == ("HW020", 9, 23)


def test_a_mistake_in_another_environment_is_found_too() -> None:
    text = service("run: x") + 'environments: {micro: {"frontend.env.PORT": 1}}\n'
    (problem,) = read(text).problems
    assert problem.code == "HW029"
    assert "(environment `micro`)" in problem.message


def test_an_unknown_environment_is_refused_with_those_that_exist() -> None:
    (problem,) = read(REFERENCE, "mikro").problems
    assert problem.code == "HW051"
    assert problem.help == "did you mean `micro`? Environments here: production, test, micro"


@pytest.mark.parametrize("environment", ["production"])
def test_expanding_and_reading_again_gives_the_same_site(environment: str) -> None:
    site = read(REFERENCE, environment).site
    assert site is not None
    again = read(expand(site))
    assert again.problems == ()
    assert again.site == site


def test_a_key_under_the_name_it_has_elsewhere_is_one_problem_with_our_name_for_it() -> None:
    (problem,) = read(service("command: ./serve")).problems
    assert (problem.code, problem.help) == ("HW011", "write `run`")


def test_a_service_that_cannot_be_read_is_still_a_service() -> None:
    text = with_services("frontend: {run: x, calls: {index: {}}}", "index: [x]")
    assert [p.code for p in read(text).problems] == ["HW015"]
