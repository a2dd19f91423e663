"""The scenarios' footing: the description is one that Headway accepts, the status is understood."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.report import Finding, described, verdicts, write
from benchmarks.site_under_test import Description, Seen, SiteUnderTest, free_port

from headway.site.parse import parse


def test_every_description_is_one_that_headway_accepts() -> None:
    described = Description(replicas=3, slots=4, takes_ms=20, health_through_slots=True)
    parsed = parse(described.site_yaml(18080, Path("/tmp/handled")), file="site.yaml")  # noqa: S108
    assert parsed.errors == ()
    assert parsed.site is not None
    (web,) = parsed.site.services.values()
    assert (web.replicas, parsed.site.entry.port) == (3, 18080)
    assert "--health-through-slots" in web.run


def test_ready_replicas_are_those_with_a_process() -> None:
    def replica(name: str, phase: str, pid: int | None) -> dict[str, object]:
        return {"id": name, "phase": phase, "pid": pid, "port": 1, "in_rotation": True}

    replicas = [replica("web-0", "ready", 7), replica("web-1", "failed", None)]
    web = {"name": "web", "desired_count": 2, "replicas": replicas, "overrides": []}
    envoy = {"pid": 9, "generation": 1}
    status = {"settled": False, "failed": False, "services": [web], "envoy": envoy}
    seen = Seen.of(status)
    assert seen is not None
    assert [r.id for r in seen.ready] == ["web-0"]
    assert Seen.of(status | {"services": []}) is None


def test_a_post_that_was_carried_out_by_two_replicas_is_noticed(tmp_path: Path) -> None:
    site = SiteUnderTest(tmp_path / "home", free_port())
    assert site.handled_twice() == 0
    site.handled_file.write_text("r-1 web-0\nr-2 web-0\nr-1 web-1\n", encoding="utf-8")
    assert site.handled_twice() == 1


def test_while_headwayd_is_away_nothing_is_seen_and_nothing_breaks(tmp_path: Path) -> None:
    site = SiteUnderTest(tmp_path / "home", free_port())
    assert asyncio.run(site.seen()) is None
    assert site.processes() == {}


def test_findings_are_a_table_for_people_and_json_for_machines(tmp_path: Path) -> None:
    findings = [
        Finding("kill", "each is replaced", True, {"requests": 500, "p99, ms": 12.34}),
        Finding("envoy", "it comes back", False, {}),
    ]
    assert "12.3" in described(findings[0])
    shown = verdicts(findings)
    assert "BROKEN  envoy" in shown
    assert shown.endswith("1 of 2 promises kept.")
    file = write(findings, tmp_path, {"cores": 2}, datetime(2026, 11, 23, tzinfo=UTC))
    assert file.name == "skeleton-20261123T000000Z.json"
    assert json.loads(file.read_text(encoding="utf-8"))["findings"][0]["figures"]["requests"] == 500
    rows = file.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "cores 2"
    assert rows[-1] == "| envoy | it comes back |  | **no** |"
