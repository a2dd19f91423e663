"""`headwayd.toml` in the state folder: whether the API is also served over TCP, and how.

A file, because headwayd is started by many: by a command, by systemd, by a keeper after it was
killed. Whoever starts it, it listens the same way. Refused here, with what to do instead: anything
but loopback without TLS, a key that others can read, whatever is not understood.
"""

import difflib
import ipaddress
import os
import socket
import ssl
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway.model.errors import HeadwayError

SETTINGS_BYTES_MAX = 64 * 1024
REQUESTS_PER_S, REQUESTS_PER_S_MAX = 50.0, 100_000.0
NAMES_MAX = 64
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
NO_NAMES = frozenset({"", "*", "0.0.0.0", "[::]"})  # noqa: S104 - nobody is called so
EXAMPLE = 'listen = "127.0.0.1:8600"'


@dataclass(frozen=True, slots=True)
class Tls:
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for; not yet whether it can be had."""

    host: str
    port: int
    names: frozenset[str]  # what people call this host, beside `host` and its address
    requests_per_s: float
    tls: Tls | None


@dataclass(frozen=True, slots=True)
class Bind:
    """One address to listen at."""

    family: socket.AddressFamily
    address: tuple[Any, ...]  # as `socket.bind` wants it


def read_settings(path: Path) -> Settings | None:
    """None: there is no such file, or it asks for nothing; only the Unix socket is served."""
    try:
        with path.open("rb") as file:
            read = tomllib.loads(file.read(SETTINGS_BYTES_MAX).decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _wrong(path, f"cannot be read: {error}", f"as in: {EXAMPLE}") from None
    _check_keys(path, read, {"listen", "names", "requests_per_s", "tls"}, "")
    if "listen" not in read:
        return None
    host, port = _address(path, read["listen"])
    return Settings(
        host=host,
        port=port,
        names=frozenset({host, *_names(path, read.get("names", []))}),
        requests_per_s=_rate(path, read.get("requests_per_s", REQUESTS_PER_S)),
        tls=_tls(path, read["tls"]) if "tls" in read else None,
    )


def resolve(settings: Settings) -> tuple[Bind, ...]:
    """Where to listen. What was looked at here is what is bound, whatever a name says later."""
    host = settings.host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(
            host or None, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise HeadwayError(
            f"listen: nobody knows which address `{settings.host}` is: {error}",
            remedy=f"write the address itself, as in: {EXAMPLE}",
        ) from None
    public = sorted({str(f[4][0]) for f in found if not _is_loopback(str(f[4][0]))})
    if public and settings.tls is None:
        raise HeadwayError(
            f"listen: `{settings.host}` is {', '.join(public)}, which others can reach, and there "
            "is no TLS: every token could be read on the way",
            remedy="add [tls] with cert and key, or listen at 127.0.0.1 and come through ssh -L",
        )
    return tuple({(f[0], f[4]): Bind(f[0], f[4]) for f in found}.values())


def tls_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer, with a key that only its owner can read."""
    _check_key(tls.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password of its own OpenSSL would ask for one at the terminal, and wait.
        context.load_cert_chain(tls.cert, tls.key, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        said = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise HeadwayError(
            f"[tls]: {tls.cert} and {tls.key} cannot be used: {said}",
            remedy="both must be PEM, belong to each other, and the key must have no passphrase",
        ) from None
    return context


def hosts(settings: Settings, local_address: str) -> frozenset[str]:
    """What a Host header may say at this end of a connection."""
    address = local_address.partition("%")[0]
    own = f"[{address}]" if ":" in address else address
    loopback = LOOPBACK_NAMES if _is_loopback(local_address) else frozenset()
    return (settings.names | loopback | {own}) - NO_NAMES


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _check_key(key: Path) -> None:
    try:
        facts = key.stat()
    except OSError as error:
        raise HeadwayError(
            f"[tls]: the key {key} cannot be used: {error.strerror}",
            remedy="write where it is, in full",
        ) from None
    # As other servers do: a key of root may be readable for the group that is meant to use it.
    allowed = 0o640 if facts.st_uid == 0 and os.geteuid() != 0 else 0o600
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid not in (0, os.geteuid()):
        raise HeadwayError(
            f"[tls]: the key {key} belongs to somebody else",
            remedy="it must belong to the user who runs headwayd, or to root",
        )
    if mode & ~allowed & 0o077:
        raise HeadwayError(
            f"[tls]: others can read the key {key} (mode {mode:04o})",
            remedy=f"chmod 600 {key}; whoever read it can pretend to be this host: make a new one",
        )


def _check_keys(path: Path, read: Mapping[str, Any], known: set[str], where: str) -> None:
    for key in read:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            remedy = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
            raise _wrong(path, f"has an unknown key `{where}{key}`", remedy)


def _address(path: Path, listen: object) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":") if isinstance(listen, str) else ("", "", "")
    is_port = port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535
    if not colon or not is_port or int(port) == 0 or (":" in host and not host.startswith("[")):
        raise _wrong(path, f"`listen` is not HOST:PORT: {listen!r}", f"as in: {EXAMPLE}")
    return host.lower(), int(port)


def _names(path: Path, names: object) -> list[str]:
    if (
        not isinstance(names, list)
        or len(names) > NAMES_MAX
        or not all(isinstance(name, str) and name for name in names)
    ):
        raise _wrong(path, "`names` is no list of names", 'as in: names = ["headway.example.org"]')
    return [str(name).lower() for name in names]


def _rate(path: Path, rate: object) -> float:
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not 1 <= float(str(rate)) <= REQUESTS_PER_S_MAX:
        most = f"from 1 to {REQUESTS_PER_S_MAX:g}"
        raise _wrong(path, f"`requests_per_s` is no number {most}: {rate!r}", "leave it out")
    return float(str(rate))


def _tls(path: Path, tls: object) -> Tls:
    found = tls if isinstance(tls, dict) else {}
    _check_keys(path, found, {"cert", "key"}, "tls.")
    if not all(isinstance(found.get(name), str) for name in ("cert", "key")):
        raise _wrong(path, "[tls] needs `cert` and `key`", "write the paths of two PEM files")
    folder = path.parent
    return Tls(folder / Path(found["cert"]).expanduser(), folder / Path(found["key"]).expanduser())


def _wrong(path: Path, what: str, remedy: str) -> HeadwayError:
    return HeadwayError(f"{path} {what}", remedy=remedy)
