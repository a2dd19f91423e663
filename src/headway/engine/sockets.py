"""Read the kernel's table of TCP sockets, and say what is wrong with where a replica listens."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

LISTEN, ESTABLISHED = b"0A", b"01"
ROW = re.compile(
    rb"^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A(?: +\S+){5} +(\d+)", re.MULTILINE
)
OPEN = re.compile(rb"^ *\d+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 01 ", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Listening:
    port: int
    address: str
    inode: int

    @property
    def is_public(self) -> bool:
        return not ip_address(self.address).is_loopback

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else self._plain()

    def _plain(self) -> str:
        return f"{self.address}:{self.port}"


def listening(table: bytes) -> list[Listening]:
    """`table`: /proc/net/tcp and /proc/net/tcp6."""
    return [
        Listening(int(port, 16), _address(address), int(inode))
        for address, port, inode in ROW.findall(table)
    ]


def count_open(table: bytes, ports: Collection[int]) -> dict[int, int]:
    """Established connections at each of our ports."""
    counts = Counter(OPEN.findall(table))
    return {port: counts[b"%04X" % port] for port in ports}


def objection(found: Iterable[Listening]) -> str:
    """Why a replica that listens there may not serve; empty when there is nothing to object to."""
    public = sorted({str(socket) for socket in found if socket.is_public})
    if not public:
        return ""
    return f"listens on {', '.join(public)}, which other machines can reach"


def serving_address(found: Iterable[Listening], port: int, probed: str) -> str:
    """Where Envoy is to send requests: what listens at `$PORT`, in preference where it answered."""
    here = {_reached_by(socket.address) for socket in found if socket.port == port}
    if not here or probed in here or "" in here:
        return probed
    return min(here)


def _reached_by(address: str) -> str:
    """The loopback address at which a listener is reached; empty: by both kinds."""
    return {"0.0.0.0": "127.0.0.1", "::": ""}.get(address, address)  # noqa: S104


def _address(digits: bytes) -> str:
    """The kernel writes words in the machine's order, which is little-endian wherever we run."""
    raw = bytes.fromhex(digits.decode())
    swapped = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    if len(swapped) == 4:
        return str(IPv4Address(swapped))
    wide = IPv6Address(swapped)
    return str(wide.ipv4_mapped or wide)
