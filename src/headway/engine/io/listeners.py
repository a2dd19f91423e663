"""Ask the kernel where the processes of a replica listen, and who is connected to them."""

import contextlib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from headway.engine.io.record import Record
from headway.engine.io.tree import Tree
from headway.engine.sockets import Listening, listening
from headway.engine.sockets import count_open as count_in_table

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
SOCKET = re.compile(r"socket:\[(\d+)\]")
DESCRIPTORS_MAX = 100_000


def of_tree(record: Record) -> list[Listening]:
    """Every listening socket that a process of this life holds."""
    leaf = Path(record.leaf) if record.leaf else None
    tree = Tree(record.pid, record.starttime, record.marker, leaf, watched=True)
    held = _inodes(tree.left())
    return [socket for socket in listening(_table()) if socket.inode in held]


def count_open(ports: Collection[int]) -> dict[int, int]:
    return count_in_table(_table(), ports)


def listening_ports() -> set[int]:
    """Of the whole machine."""
    return {socket.port for socket in listening(_table())}


def _table() -> bytes:
    parts = []
    for name in TABLES:
        with contextlib.suppress(OSError):  # a machine without IPv6
            parts.append(Path(name).read_bytes())
    return b"".join(parts)


def _inodes(pids: Iterable[int]) -> set[int]:
    found: set[int] = set()
    for pid in pids:
        folder = f"/proc/{pid}/fd"
        with contextlib.suppress(OSError):  # it ended
            for name in os.listdir(folder)[:DESCRIPTORS_MAX]:  # noqa: PTH208  many, and often
                with contextlib.suppress(OSError):
                    match = SOCKET.match(os.readlink(f"{folder}/{name}"))  # noqa: PTH115
                    if match:
                        found.add(int(match[1]))
    return found
