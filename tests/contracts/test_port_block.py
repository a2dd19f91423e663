"""Ports for replicas: from the block, free, and not the one that was just given back."""

import socket

import pytest

from headway.engine.io.blocks import BLOCK_PORTS, choose_block
from headway.engine.io.port_block import RESERVED_COUNT, PortBlock
from headway.model.errors import EngineError

pytestmark = pytest.mark.contract


@pytest.fixture
def block() -> range:
    first = choose_block("ports for replicas", ())
    return range(first, first + BLOCK_PORTS)


def test_the_first_ports_are_for_the_guard_and_envoy(block: range) -> None:
    assert PortBlock(block).take(()) >= block[RESERVED_COUNT]


def test_a_port_does_not_come_back_soon(block: range) -> None:
    ports = PortBlock(block)
    taken = [ports.take(()) for _ in range(100)]
    assert len(set(taken)) == 100


def test_a_daemon_that_comes_back_goes_on_where_it_was(block: range) -> None:
    ports = PortBlock(block)
    ports.resume_after(block[RESERVED_COUNT + 7])
    assert ports.take(()) > block[RESERVED_COUNT + 7]


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
def test_a_port_on_which_somebody_listens_is_passed_over(block: range, address: str) -> None:
    ports = PortBlock(block)
    first = ports.take(())
    with socket.create_server((address, first + 1)):
        assert ports.take({first + 2}) > first + 2


def test_a_full_block_is_an_error_with_a_remedy(block: range) -> None:
    with pytest.raises(EngineError, match="no free port") as caught:
        PortBlock(block).take(block)
    assert caught.value.remedy
