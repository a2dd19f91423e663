"""What each command says and how it ends, against the real API with a daemon of straw."""

import json
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headway.api.address import short, socket_path
from headway.api.control import LogLine
from headway.model.ids import ReplicaId
from headway.testing.control import StrawControl
from headway.testing.served import served

Headway = Callable[..., Any]

UNREACHABLE = [
    ("status",),
    ("why", "ads"),
    ("logs", "ads"),
    ("events",),
    ("scale", "ads", "4"),
    ("restart", "ads"),
    ("drain", "ads-0"),
    ("log-level", "ads", "debug"),
    ("envoy", "replace"),
]


@pytest.mark.parametrize("words", UNREACHABLE, ids=" ".join)
def test_without_headwayd_a_command_ends_with_6_and_a_remedy(
    headway: Headway, words: tuple[str, ...]
) -> None:
    said = headway(*words)
    assert said.code == 6
    assert "error: headwayd is not running" in said.err
    assert "= help: headway up starts it" in said.err
    again = headway(*words, "-o", "json")
    assert (again.code, json.loads(again.out)["code"]) == (6, "unreachable")


@pytest.mark.usefixtures("daemon")
def test_up_shows_every_service_as_it_becomes_ready(headway: Headway) -> None:
    said = headway("up")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("shop  5 replicas of 2 services, from site.yaml (")
    assert any(line.split()[:3] == ["ok", "frontend", "2/2"] for line in lines)
    assert any(line.split()[:3] == ["ok", "ads", "3/3"] for line in lines)
    assert lines[-2:] == ["Running in the background.", "Next: headway status ; headway down"]


def test_up_again_has_nothing_to_do(headway: Headway, daemon: StrawControl) -> None:
    headway("up")
    said = headway("up")
    assert said.code == 0
    assert said.out.startswith("nothing to do: shop/production runs as described")
    assert [e.event.kind for e in daemon.history] == ["apply"]


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("control", [StrawControl(broken=["ads"])])
def test_up_says_why_a_service_failed(headway: Headway) -> None:
    said = headway("up")
    assert said.code == 1
    assert "FAILED  ads  0/3  health check never passed in 30 s" in said.out
    assert "GET http://127.0.0.1:41000/healthz  ->  connection refused (14 tries)" in said.out
    assert "ads-0: exited 1 after 0.2 s, 3 restarts" in said.out
    assert "log       FileNotFoundError: words.txt" in said.out
    assert "headway logs ads | headway why ads | headway down" in said.out
    status = headway("status")
    assert status.out.startswith("shop/production  FAILED  ads: health check never passed")
    assert "Next: headway why ads ; headway logs ads" in status.out


@pytest.mark.usefixtures("daemon")
def test_up_gives_up_waiting_but_the_work_goes_on(headway: Headway) -> None:
    said = headway("up", "--wait", "1ms")
    assert said.code == 1
    assert "not done within 0.001 s: frontend, ads; it goes on in the background" in said.err
    assert "= help: headway status" in said.err


@pytest.mark.usefixtures("daemon")
def test_an_interrupted_up_ends_with_130_and_the_work_goes_on(
    headway: Headway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("headway.cli.follow.time.sleep", interrupt)
    said = headway("up")
    assert said.code == 130
    assert "it goes on in the background" in said.err


def test_a_description_with_problems_ends_with_2_and_asks_nobody(
    headway: Headway, folder: Path
) -> None:
    (folder / "site.yaml").write_text("headway: 1\nsite: shop\nservicez: {}\n")
    for verb in ("check", "plan", "up"):
        said = headway(verb)
        assert said.code == 2
        assert "--> site.yaml:3:1" in said.err
        assert "Nothing was changed." in said.err
        problems = json.loads(headway(verb, "-o", "json").out)["problems"]
        assert [p["line"] for p in problems if "servicez" in p["message"]] == [3]
    missing = headway("up", "nowhere.yaml")
    assert (missing.code, "nowhere.yaml: no such file" in missing.err) == (2, True)


@pytest.mark.usefixtures("daemon")
def test_a_plan_says_what_it_would_do_and_prints_the_command_that_does_it(
    headway: Headway, folder: Path
) -> None:
    headway("up")
    text = (folder / "site.yaml").read_text()
    (folder / "site.yaml").write_text(text.replace("replicas: 3", "replicas: 4"))
    said = headway("plan")
    assert said.code == 0
    assert "~ ads" in said.out
    assert "replicas  3 -> 4  1 replicas start" in said.out
    assert "1 change: 1 replica starts. Nothing was changed." in said.out
    command = next(line for line in said.out.splitlines() if line.startswith("Apply exactly"))
    assert headway("plan", "--exit-code").code == 3
    words = command.partition("headway ")[2].split()
    assert words[:3] == ["up", "site.yaml", "--plan"]
    assert headway(*words).code == 0
    assert headway("plan", "--exit-code").code == 0


@pytest.mark.usefixtures("daemon")
def test_a_stale_plan_ends_with_4(headway: Headway) -> None:
    said = headway("up", "--plan", "p-old")
    assert (said.code, "p-old is stale" in said.err) == (4, True)


@pytest.mark.usefixtures("daemon")
def test_another_user_ends_with_5(headway: Headway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headway.api.peer.uid_of", lambda _: 4_000_000)
    said = headway("up")
    assert said.code == 5
    assert "= help: run the command as the user who runs headwayd" in said.err


@pytest.mark.usefixtures("daemon")
def test_a_wrong_name_is_told_with_those_that_exist(headway: Headway) -> None:
    headway("up")
    said = headway("why", "adds")
    assert said.code == 1
    assert "no service adds" in said.err
    assert "there are frontend, ads" in said.err
    elsewhere = headway("status", "--env", "micro")
    assert "running: shop/production; headway status --site shop --env production" in elsewhere.err


@pytest.mark.usefixtures("daemon")
def test_scaling_waits_until_it_is_done_and_is_shown_as_an_override(headway: Headway) -> None:
    headway("up")
    said = headway("scale", "ads", "5", "--for", "2h", "--reason", "black friday")
    assert said.code == 0
    assert said.out.splitlines()[0] == "ads: 3 -> 5 replicas"
    assert said.out.split()[-5:-2] == ["ok", "ads", "5/5"]
    status = headway("status")
    assert "override  ads: scaled to 5 by " in status.out
    assert "black friday" in status.out


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("control", [StrawControl(broken=["ads"])])
def test_an_action_that_fails_ends_with_1_and_the_evidence(headway: Headway) -> None:
    headway("up")
    said = headway("restart", "ads")
    assert said.code == 1
    assert "connection refused" in said.out
    assert "Next: headway why ads ; headway logs ads" in said.out


@pytest.mark.usefixtures("daemon")
def test_logs_of_a_service_say_which_replica_wrote_and_obey_nothing(
    headway: Headway, control: StrawControl
) -> None:
    headway("up")
    control.log += [
        LogLine(ReplicaId("ads-0"), "\x1b[31mred\x1b[0m \x1b]0;title\x07"),
        LogLine(ReplicaId("ads-1"), "plain"),
    ]
    said = headway("logs", "ads")
    assert "ads-0 | red " in said.out
    assert "ads-1 | plain" in said.out
    assert "\x1b" not in said.out
    assert "\x07" not in said.out
    assert headway("logs", "ads-1").out == "plain\n"


@pytest.mark.usefixtures("daemon")
def test_down_waits_until_nothing_is_left_and_is_done_again_for_nothing(headway: Headway) -> None:
    headway("up")
    said = headway("down", "--yes")
    assert said.code == 0
    assert "shop/production  nothing is left running" in said.out
    again = headway("down", "--yes")
    assert (again.code, again.out) == (0, "nothing to do: it is not running\n")


@pytest.mark.parametrize(
    "words",
    [
        ("scale", "ads"),
        ("scale", "ads", "-3"),
        ("scale", "ads", "2", "--for", "2"),
        ("drain", "ads"),
        ("status", "-o", "xml"),
        ("stats",),
        ("logs",),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_2(headway: Headway, words: tuple[str, ...]) -> None:
    said = headway(*words)
    assert said.code == 2
    assert "rror: " in said.err


def test_a_mistyped_command_gets_a_suggestion(headway: Headway) -> None:
    assert "Did you mean `headway status`?" in headway("stats").err


def test_the_doctor_works_without_headwayd(headway: Headway) -> None:
    said = headway("doctor")
    assert "headwayd" in said.out
    assert "runs" in said.out
    assert "private" in said.out


def test_the_doctor_sees_a_home_that_is_open_to_others(headway: Headway, tmp_path: Path) -> None:
    (tmp_path / "home").chmod(0o755)
    said = headway("doctor")
    assert "is open to others (mode 0755)" in said.out
    assert f"= help: chmod 700 {tmp_path / 'home'}" in said.out


def test_what_was_not_foreseen_is_one_line_and_a_file(
    headway: Headway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("headway.cli.client.Client.get", broken)
    said = headway("status")
    assert said.code == 1
    assert "error: a fault in headway: RuntimeError: something else" in said.err
    details = next(tmp_path.glob("headway-fault-*.txt"))
    assert str(details) in said.err
    assert "Traceback" in details.read_text()


def test_a_headwayd_that_does_not_come_up_is_shown_with_its_last_words(
    headway: Headway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    false_python = tmp_path / "python"
    false_python.write_text("#!/bin/sh\necho 'no disk today' >&2\nexit 7\n")
    false_python.chmod(0o755)
    monkeypatch.setattr("headway.cli.headwayd.sys.executable", str(false_python))
    said = headway("up")
    assert said.code == 6
    assert "headwayd ended at once with status 7. It wrote:" in said.err
    assert "no disk today" in said.err
    assert "headway doctor" in said.err


@pytest.mark.usefixtures("daemon")
def test_hints_name_the_environment_that_was_asked_for(headway: Headway, folder: Path) -> None:
    text = (folder / "site.yaml").read_text()
    (folder / "site.yaml").write_text(f'{text}environments:\n  micro: {{"*.replicas": 1}}\n')
    said = headway("up", "--env", "micro")
    assert said.out.startswith("shop/micro  2 replicas of 2 services")
    assert "headway status --env micro" in said.out


def left_behind(home: Path) -> None:
    """The socket of a headwayd that was killed."""
    with socket.socket(socket.AF_UNIX) as dead, short(socket_path(home)) as name:
        dead.bind(name)


def test_a_killed_headwayd_is_waited_for_because_it_comes_back(
    headway: Headway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path / "home")
    with ExitStack() as world:
        # The first wait is long enough for its keepers to bring it back.
        monkeypatch.setattr(
            "headway.cli.client.time.sleep",
            lambda _: world.enter_context(served(StrawControl(), tmp_path / "home")),
        )
        said = headway("status", "--all")
    assert (said.code, said.out) == (0, "nothing is running\n")


def test_a_killed_headwayd_is_not_waited_for_for_ever(
    headway: Headway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_behind(tmp_path / "home")
    monkeypatch.setattr("headway.cli.client.COMES_BACK_S", 0.01)
    assert headway("status").code == 6


@pytest.mark.usefixtures("daemon")
def test_all_environments_are_listed_in_one_line_each(headway: Headway, folder: Path) -> None:
    headway("up")
    (folder / "site.yaml").write_text((folder / "site.yaml").read_text().replace("shop", "mall"))
    headway("up")
    lines = headway("status", "--all").out.splitlines()
    assert [line.split()[0] for line in lines] == [
        "ENVIRONMENT",
        "mall/production",
        "shop/production",
    ]
    (folder / "site.yaml").unlink()
    said = headway("status")
    assert (said.code, "2 sites are running: mall, shop" in said.err) == (1, True)


@pytest.mark.usefixtures("daemon")
def test_followed_logs_and_events_are_one_json_object_per_line(
    headway: Headway, control: StrawControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    headway("up")
    control.log.append(LogLine(ReplicaId("ads-0"), "one"))

    def go_on(_: float) -> None:
        if len(control.log) == 2:
            raise KeyboardInterrupt
        control.log.append(LogLine(ReplicaId("ads-0"), "two"))

    monkeypatch.setattr("headway.cli.logs.time.sleep", go_on)
    said = headway("logs", "ads", "-f", "-o", "json")
    assert said.code == 130
    assert [json.loads(line)["text"] for line in said.out.splitlines()] == ["one", "two"]
