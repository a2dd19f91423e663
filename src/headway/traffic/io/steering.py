"""Send new connections to the newcomer while two processes listen on one address (SO_REUSEPORT).

The kernel spreads connections over all listening sockets. One that waits in the queue of a socket
that closes is reset, so a leaving process must get nothing new *before* it closes. A one-line
filter on the group of sockets does that: it always picks the first socket of the newcomer.

The sockets of a group are numbered in the order in which they began to listen: those of the old one
are 0..n-1, the newcomer's first is n. When one closes, the last takes its number; so number n stays
the newcomer's until all old ones are gone, and then names nobody, which means "spread again".
(`net.ipv4.tcp_migrate_req=1` would do as well, but needs the machine's administrator.)
"""

import ctypes
import socket
import struct
import sys
from collections.abc import Collection
from pathlib import Path

SO_ATTACH_REUSEPORT_CBPF = 51
LISTENING = "0A"  # state in /proc/net/tcp, where the receive queue of such a socket is its backlog
RETURN_CONSTANT = 0x06  # BPF_RET | BPF_K


def steer(host: str, port: int, number: int) -> bool:
    """New connections go to the socket with this number; False when the kernel will not have it."""
    if not sys.platform.startswith("linux"):
        return False
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    instruction = ctypes.create_string_buffer(struct.pack("@HBBI", RETURN_CONSTANT, 0, 0, number))
    program = struct.pack("@HP", 1, ctypes.addressof(instruction))
    # The filter belongs to the group; to set it, one has to be in it for a moment.
    with socket.socket(family, socket.SOCK_STREAM) as member:
        try:
            member.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            member.bind((host, port))
            member.listen(0)
            member.setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program)
        except OSError:
            return False
    return True


def waiting_count(ports: Collection[int]) -> int:
    """Connections to these ports that nobody has accepted yet; 0 where the kernel does not tell.

    They are no connections of Envoy's so far, and are reset when the socket they wait at closes.
    """
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) in ports:
                count += int(fields[4].rpartition(":")[2], 16)
    return count
