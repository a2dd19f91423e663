"""What a replica is told: names filled in, secrets resolved, everything else left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.engine.environment import fill_in, full_environment
from headway.model.release import Launch

KNOWN = {"PORT": "20411", "HW_REPLICA": "web-0", "HW_INDEX_URL": "http://127.0.0.1:9", "KEY": "k"}


def secrets(name: str) -> str:
    return {"token": "s3cr3t $PORT ${secret:other}"}[name]


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("$PORT", "20411"),
        ("--listen=127.0.0.1:${PORT}", "--listen=127.0.0.1:20411"),
        ("$HW_INDEX_URL/search", "http://127.0.0.1:9/search"),
        ("$PORTS and $HW_UNKNOWN", "$PORTS and $HW_UNKNOWN"),
        ("$KEY $HOME $1 $$", "$KEY $HOME $1 $$"),
        ("a${secret:token}b", "as3cr3t $PORT ${secret:other}b"),
    ],
)
def test_names_are_filled_in_without_a_shell(text: str, filled: str) -> None:
    assert fill_in(text, KNOWN, secrets) == filled


@given(st.text(alphabet=st.characters(exclude_characters="$")))
def test_text_without_a_reference_stays(text: str) -> None:
    assert fill_in(text, KNOWN, secrets) == text


def test_the_description_may_change_the_path_but_not_the_port() -> None:
    launch = Launch((), (("PATH", "/opt"), ("PORT", "80"), ("URL", "http://x:$PORT")), "/")
    made = full_environment(launch, {"PATH": "/bin", "LANG": "C"}, {"PORT": "20411"}, secrets)
    assert made == {"PATH": "/opt", "LANG": "C", "PORT": "20411", "URL": "http://x:20411"}
