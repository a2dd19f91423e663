"""Blocks of ports, one per environment, outside the range the kernel gives out by itself.

The first port of a block is its guard: the keeper binds it for as long as the environment lives,
so that two environments never share a block, whoever their users are. The next ones are Envoy's.
"""

import socket
from collections.abc import Collection
from hashlib import blake2s

from headway.model.errors import EngineError

BLOCK_PORTS = 512
FIRST_PORT, LAST_PORT = 10240, 32255  # the kernel's own range begins at 32768
ENVOY_PORTS = 63  # offsets 1..63; replicas use the rest
REPLICAS_MAX = BLOCK_PORTS - 1 - ENVOY_PORTS


def choose_block(wish: str, taken: Collection[int]) -> int:
    """The first port of a free block. The same wish gives the same block where possible."""
    blocks = range(FIRST_PORT, LAST_PORT - BLOCK_PORTS + 2, BLOCK_PORTS)
    start = int.from_bytes(blake2s(wish.encode(), digest_size=4).digest()) % len(blocks)
    for offset in range(len(blocks)):
        block = blocks[(start + offset) % len(blocks)]
        if block not in taken and is_free(block):
            return block
    raise EngineError(
        f"all {len(blocks)} blocks of ports between {FIRST_PORT} and {LAST_PORT} are taken",
        remedy="bring down an environment that is no longer needed: headway down",
    )


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Could somebody listen on it now?"""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: ports of connections that ended a moment ago count as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
