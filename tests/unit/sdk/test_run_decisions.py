"""What `headway-run` makes of its arguments, its variables and its child's end."""

import signal

import pytest

from headway_sdk.run import (
    UsageError,
    command_of,
    expand_port,
    options_of,
    seconds_of,
    verdict,
)


@pytest.mark.parametrize(
    ("argument", "filled"),
    [
        ("$PORT", "8000"),
        ("${PORT}", "8000"),
        ("127.0.0.1:$PORT", "127.0.0.1:8000"),
        ("${PORT}0-$PORT", "80000-8000"),
        ("$PORTAL", "$PORTAL"),
        ("$PORT_2", "$PORT_2"),
        ("$HOME", "$HOME"),
        ("plain", "plain"),
    ],
)
def test_port_is_filled_in_and_nothing_else(argument: str, filled: str) -> None:
    assert expand_port(argument, "8000") == filled


def test_a_command_without_port_needs_none() -> None:
    assert command_of(["--", "python", "--", "-x"], None) == ["python", "--", "-x"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "no command"),
        (["--"], "no command"),
        (["--fast", "x"], "unknown option --fast"),
        (["serve", "$PORT"], "PORT is not set"),
    ],
)
def test_what_cannot_be_run_is_said(arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        command_of(arguments, None)


def test_seconds_have_a_default_and_limits() -> None:
    assert seconds_of({}, "HW_DRAIN_S", default_s=5) == 5
    assert seconds_of({"HW_DRAIN_S": "0.5"}, "HW_DRAIN_S", default_s=5) == 0.5
    for bad in ("soon", "-1", "nan", "1e9"):
        with pytest.raises(UsageError, match="HW_DRAIN_S"):
            seconds_of({"HW_DRAIN_S": bad}, "HW_DRAIN_S", default_s=5)


@pytest.mark.parametrize(
    ("wait_status", "we_ended_it", "code"),
    [
        (0, False, 0),
        (7 << 8, False, 7),
        (7 << 8, True, 7),
        (15, True, 0),  # of the SIGTERM that we sent
        (143 << 8, True, 0),  # the same, as a JVM says it
        (15, False, -15),  # somebody else's
        (9, True, -9),
        (11, False, -11),
    ],
)
def test_the_child_s_end_is_told_truthfully(
    wait_status: int, *, we_ended_it: bool, code: int
) -> None:
    assert verdict(wait_status, we_ended_it=we_ended_it) == code


def test_signals_for_the_log_level_are_named_there_and_back() -> None:
    pair = (signal.SIGUSR2, signal.SIGHUP)
    for words in (
        ["--debug-signal", "USR2", "--normal-signal", "HUP", "--", "serve"],
        ["--normal-signal=SIGHUP", "--debug-signal=usr2", "serve"],
    ):
        found, rest = options_of(words)
        assert found == pair
        assert command_of(rest, None) == ["serve"]
    assert options_of(["--", "serve", "--debug-signal"]) == (
        None,
        ["--", "serve", "--debug-signal"],
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--debug-signal", "USR2", "--", "x"], "go together"),
        (["--debug-signal"], r"\(nothing\): name a signal"),
        (["--debug-signal", "LOUD", "--", "x"], "LOUD: name a signal such as USR1"),
        (["--debug-signal", "KILL", "--normal-signal", "USR1", "x"], "KILL: name a signal"),
        (["--debug-signal=TERM", "x"], "TERM: name a signal"),
        (["--debug-signal", "12", "x"], "12: name a signal"),
    ],
)
def test_signals_that_cannot_mean_a_level_are_refused(arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options_of(arguments)
