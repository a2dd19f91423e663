"""What counts as a good answer to a health check, and how a bad one is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.engine.answer import ANSWER_BYTES_MAX, Heard, listen
from headway.model.site import Expect

OK_LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
OK_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nO\r\n1\r\nK\r\n0\r\n\r\n"
OK_CLOSED = b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nOK"


@pytest.mark.parametrize("data", [OK_LENGTH, OK_CHUNKED])
def test_the_two_bytes_are_enough_however_they_are_sent(data: bytes) -> None:
    assert listen(Expect.OK, data, ended=False) == Heard(True, "200 OK")


def test_an_answer_without_a_length_is_good_when_it_has_ended() -> None:
    assert listen(Expect.OK, OK_CLOSED, ended=False) is None
    assert listen(Expect.OK, OK_CLOSED, ended=True) == Heard(True, "200 OK")


@pytest.mark.parametrize("data", [OK_LENGTH, OK_CHUNKED, OK_CLOSED])
def test_no_part_of_a_good_answer_is_judged_bad(data: bytes) -> None:
    for size in range(len(data)):
        assert listen(Expect.OK, data[:size], ended=False) in (None, Heard(True, "200 OK"))


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", "closed the connection without an answer"),
        (
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nOK",
            "503 Service Unavailable",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nNOPE",
            "200 but the body is `NOPE`, not `OK`",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK\n",
            "200 but the body is `OK·`, not `OK`",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 but the body is empty, not `OK`"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "204 No Content"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "an answer that is not HTTP/1.1: `SSH-2.0-OpenSSH_9.2··`"),
    ],
)
def test_a_bad_answer_is_told_as_it_was(data: bytes, answer: str) -> None:
    assert listen(Expect.OK, data, ended=True) == Heard(False, answer)


def test_a_long_body_is_not_waited_for() -> None:
    heard = listen(Expect.OK, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 30, ended=False)
    assert heard == Heard(False, "200 but the body is `xxxxxxxxxxxxxxxxxxxxxxxx…`, not `OK`")


def test_any_2xx_will_do_where_only_the_status_counts() -> None:
    assert listen(Expect.STATUS, b"HTTP/1.1 204 No Content\r\n", ended=False) == Heard(
        True, "204 No Content"
    )
    assert listen(Expect.STATUS, b"HTTP/1.1 302 Found\r\n", ended=False) == Heard(
        False, "302 Found"
    )


@given(st.binary(max_size=200), st.sampled_from([Expect.OK, Expect.STATUS]))
def test_whatever_comes_there_is_a_verdict_in_the_end(data: bytes, expect: Expect) -> None:
    assert listen(expect, data, ended=True) is not None


@given(st.sampled_from([OK_LENGTH, OK_CHUNKED, b"HTTP/1.1 200 OK\r\nA: "]))
def test_no_more_is_read_than_the_limit(head: bytes) -> None:
    data = (head[:17] + b"X: " + b"y" * ANSWER_BYTES_MAX)[:ANSWER_BYTES_MAX]
    assert listen(Expect.OK, data, ended=True) is not None
