"""Where a replica listens, read from the kernel's own table."""

from headway.engine.sockets import (
    Listening,
    count_open,
    listening,
    objection,
    serving_address,
)

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
REST = b"00000000:00000000 00:00000000 00000000     0        0"


def row(number: int, local: bytes, remote: bytes, state: bytes, inode: int) -> bytes:
    return b"%4d: %s %s %s %s %d 1 0000 100 0\n" % (number, local, remote, state, REST, inode)


NOBODY, NOBODY6 = b"00000000:0000", b"0" * 32 + b":0000"
LOOPBACK6 = b"00000000000000000000000001000000"
TABLE = (
    HEAD
    + row(0, b"0100007F:4FBB", NOBODY, b"0A", 11)
    + row(1, b"00000000:1F90", NOBODY, b"0A", 12)
    + row(2, b"0100007F:4FBB", b"0100007F:C001", b"01", 13)
    + row(3, b"0100007F:C001", b"0100007F:4FBB", b"01", 14)
    + row(4, b"0100007F:4FBB", b"0100007F:C002", b"06", 0)
    + HEAD
    + row(0, LOOPBACK6 + b":4FBC", NOBODY6, b"0A", 15)
    + row(1, b"0" * 32 + b":1F91", NOBODY6, b"0A", 16)
    + row(2, b"0000000000000000FFFF00000100007F:4FBD", NOBODY6, b"0A", 17)
)


def test_listeners_are_found_with_address_port_and_inode() -> None:
    assert listening(TABLE) == [
        Listening(0x4FBB, "127.0.0.1", 11),
        Listening(8080, "0.0.0.0", 12),  # noqa: S104
        Listening(0x4FBC, "::1", 15),
        Listening(8081, "::", 16),
        Listening(0x4FBD, "127.0.0.1", 17),
    ]


def test_only_established_connections_at_the_port_itself_count() -> None:
    assert count_open(TABLE, [0x4FBB, 9999]) == {0x4FBB: 1, 9999: 0}


def test_what_other_machines_can_reach_is_objected_to() -> None:
    assert objection(listening(TABLE)) == (
        "listens on 0.0.0.0:8080, [::]:8081, which other machines can reach"
    )
    assert objection([Listening(1, "127.0.0.1", 1), Listening(2, "::1", 2)]) == ""


def test_the_address_is_the_one_that_listens_at_the_port() -> None:
    only6 = [Listening(7, "::1", 1), Listening(8, "127.0.0.1", 2)]
    assert serving_address(only6, 7, "127.0.0.1") == "::1"
    assert serving_address(only6, 8, "127.0.0.1") == "127.0.0.1"
    both = [Listening(7, "::1", 1), Listening(7, "127.0.0.1", 2)]
    assert serving_address(both, 7, "::1") == "::1"
    assert serving_address([Listening(7, "0.0.0.0", 1)], 7, "127.0.0.1") == "127.0.0.1"  # noqa: S104
    assert serving_address([Listening(7, "::", 1)], 7, "127.0.0.1") == "127.0.0.1"
    assert serving_address([], 7, "127.0.0.1") == "127.0.0.1"
