"""Ports for replicas: one after the other through the block, so that none comes back soon."""

import socket
from collections.abc import Collection

from headway.engine.io.blocks import ENVOY_PORTS
from headway.model.errors import EngineError

RESERVED_COUNT = 1 + ENVOY_PORTS  # the guard's and Envoy's listeners come first
LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


class PortBlock:
    def __init__(self, block: range) -> None:
        assert len(block) > RESERVED_COUNT, "a block must hold more than the reserved ports"
        self._ports = block[RESERVED_COUNT:]
        self._next = 0

    def resume_after(self, port: int) -> None:
        """The last one that an earlier daemon gave out."""
        if port in self._ports:
            self._next = self._ports.index(port) + 1

    def take(self, used: Collection[int]) -> int:
        """A free one. First without, then with those that still wait out an old connection."""
        for is_strict in (True, False):
            for _ in range(len(self._ports)):
                port = self._ports[self._next % len(self._ports)]
                self._next += 1
                if port not in used and _is_free(port, is_strict=is_strict):
                    return port
        raise EngineError(
            f"no free port in {self._ports[0]}-{self._ports[-1]}",
            remedy="end what else listens there, or give the environment a larger block",
        )


def _is_free(port: int, *, is_strict: bool) -> bool:
    for family, address in LOOPBACKS:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if not is_strict:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address, port))
        except OSError as error:
            if family is socket.AF_INET or error.errno == 98:  # the machine may lack IPv6
                return False
    return True
