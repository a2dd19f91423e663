"""Who gets traffic, in bytes; that Envoy reads the same from them is in tests/contracts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.traffic import endpoints as form
from headway.traffic.endpoints import Member, endpoints, file_of, read_back
from headway.traffic.wire import DamagedError, fields, message, number, text

NEAR = Member("web-0", "127.0.0.1", 20000, 100, far=False)
FAR = Member("web-1", "::1", 20001, 7, far=True)


def part(content: bytes, field: int) -> bytes:
    (found,) = (value for number_, value in fields(content) if number_ == field)
    assert isinstance(found, bytes)
    return found


def steps(*members: Member, named: bool = False) -> list[bytes]:
    made = endpoints("web@1", members, named=named).assignment
    return [
        value
        for field, value in fields(made)
        if field == form.ASSIGNMENT_STEP and isinstance(value, bytes)
    ]


def test_the_bytes_are_those_of_protobuf() -> None:
    """Written out by hand from the encoding's description."""
    assert number(3, 300) == b"\x18\xac\x02"
    assert number(3, 0) == b""
    assert text(2, "testing") == b"\x12\x07testing"
    assert message(20, b"ab") == b"\xa2\x01\x02ab"


def test_no_endpoint_bears_a_mark() -> None:
    """A mark would be overruled when more than half fail their checks; absence never is."""
    (step,) = steps(NEAR)
    member = part(step, form.STEP_MEMBER)
    assert [field for field, _ in fields(member)] == [form.MEMBER_ENDPOINT, form.MEMBER_WEIGHT]


def test_far_replicas_stand_on_the_second_step_also_without_near_ones() -> None:
    near, far = steps(FAR)
    assert near == b""
    assert dict(fields(far))[form.STEP_PRIORITY] == 1


def test_a_service_without_replicas_says_so() -> None:
    assert steps() == [b""]
    assert read_back(file_of(endpoints("web@1", (), named=False))) is not None


def test_keys_belong_to_replicas_not_to_ports_where_requests_stick_to_replicas() -> None:
    (step,), (plain,) = steps(NEAR, named=True), steps(NEAR)
    key = part(part(step, form.STEP_MEMBER), form.MEMBER_METADATA)
    assert b"envoy.lb" in key
    assert b"hash_key" in key
    assert b"web-0" in key
    assert b"hash_key" not in plain


@pytest.mark.parametrize(
    "other",
    [
        Member("web-9", "127.0.0.1", 20000, 100, far=False),
        Member("web-0", "127.0.0.2", 20000, 100, far=False),
        Member("web-0", "127.0.0.1", 20009, 100, far=False),
        Member("web-0", "127.0.0.1", 20000, 99, far=False),
        Member("web-0", "127.0.0.1", 20000, 100, far=True),
    ],
)
def test_whatever_differs_is_another_version(other: Member) -> None:
    made = [endpoints("web@1", [m], named=False).version for m in (NEAR, other)]
    assert len(set(made)) == 2


members = st.lists(
    st.builds(
        Member,
        st.text(st.characters(codec="utf-8"), max_size=60),
        st.ip_addresses().map(str),
        st.integers(1, 65535),
        st.integers(1, 2**32 - 1),
        far=st.booleans(),
    ),
    max_size=5,
).map(lambda found: sorted(found, key=lambda m: m.far))


@given(told=members, named=st.booleans())
def test_what_is_written_is_read_back(told: list[Member], *, named: bool) -> None:
    made = endpoints("web@1", told, named=named)
    assert read_back(file_of(made)) == (made.version, tuple(told))


@given(members, st.data())
def test_a_file_that_was_cut_short_is_damaged(told: list[Member], data: st.DataObject) -> None:
    file = file_of(endpoints("web@1", told, named=False))
    at = data.draw(st.integers(0, len(file) - 1))
    assert read_back(file[:at]) is None


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda b: b"\x0a\x01v\x12" + b))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    found = read_back(content)
    assert found is None or isinstance(found[0], str)


@pytest.mark.parametrize(
    "content", [b"\x08" + b"\xff" * 11, b"\x0d\x01\x02\x03\x04", b"\x0a\x05ab"]
)
def test_damaged_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(DamagedError):
        list(fields(content))
