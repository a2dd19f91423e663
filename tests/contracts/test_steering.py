"""What the kernel tells about connections that nobody has accepted yet."""

import socket

import pytest

from headway.traffic.io.steering import waiting_count

pytestmark = pytest.mark.contract


def test_a_connection_counts_as_waiting_until_somebody_accepts_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert waiting_count({port}) == 0
        with socket.create_connection(("127.0.0.1", port)):
            assert waiting_count({port}) == 1
            accepted, _ = server.accept()
            accepted.close()
            assert waiting_count({port}) == 0
