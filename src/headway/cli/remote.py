"""A headwayd elsewhere: where it is, who asks, and how it is known to be the right one.

HEADWAY_URL=https://host:8600 HEADWAY_TOKEN_FILE=~/.headway-token headway status
"""

import http.client
import ipaddress
import os
import re
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from headway.cli.trouble import Trouble

TOKEN = re.compile(r"hw_[0-9A-Za-z]{49}", re.ASCII)
TOKEN_FILE_BYTES_MAX = 4096
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Remote:
    scheme: str
    host: str  # of version 6 without brackets
    port: int
    token: str = field(repr=False)
    ca: Path | None = None

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def connect(self, timeout_s: float) -> http.client.HTTPConnection:
        if self.scheme == "http":
            plain = http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)
            plain.connect()
            return plain
        context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        encrypted = http.client.HTTPSConnection(
            self.host, self.port, timeout=timeout_s, context=context
        )
        encrypted.connect()
        return encrypted


def remote_of(environ: Mapping[str, str]) -> Remote | None:
    """None: the headwayd of this machine, by its Unix socket."""
    url = environ.get("HEADWAY_URL")
    if not url:
        return None
    scheme, host, port = _parsed(url)
    if scheme == "http" and not _is_loopback(host):
        raise Trouble(
            "bad-request",
            f"HEADWAY_URL: http to {host} would show the token to everybody on the way",
            remedy="https://, or ssh -L and http://127.0.0.1",
        )
    ca = environ.get("HEADWAY_CA")
    if ca and not Path(ca).is_file():
        raise Trouble("bad-request", f"HEADWAY_CA: {ca} is no file", remedy="a PEM file")
    return Remote(scheme, host, port, _token(environ), Path(ca) if ca else None)


def _parsed(url: str) -> tuple[str, str, int]:
    """Never quotes the address: somebody may have put a token into it."""
    remedy = "as in HEADWAY_URL=https://headway.example.org:8600"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Trouble("bad-request", "HEADWAY_URL is no address", remedy=remedy) from None
    if "@" in parts.netloc or parts.query or parts.fragment or "hw_" in url:
        raise Trouble(
            "bad-request",
            "HEADWAY_URL may have neither user nor token: addresses end up in logs and histories",
            remedy="put the token into HEADWAY_TOKEN_FILE (mode 600) or HEADWAY_TOKEN",
        )
    if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise Trouble("bad-request", "HEADWAY_URL is no address of a headwayd", remedy=remedy)
    return parts.scheme, parts.hostname, port or PORTS[parts.scheme]


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _token(environ: Mapping[str, str]) -> str:
    path = environ.get("HEADWAY_TOKEN_FILE")
    text = _read(Path(path).expanduser()) if path else environ.get("HEADWAY_TOKEN", "")
    where = "HEADWAY_TOKEN_FILE" if path else "HEADWAY_TOKEN"
    if not text:
        raise Trouble(
            "denied",
            "HEADWAY_URL needs a token",
            remedy="set HEADWAY_TOKEN_FILE; headway token create, over there, makes one",
        )
    if TOKEN.fullmatch(text.strip()) is None:
        remedy = "it begins with hw_ and has 52 characters; was it copied whole?"
        raise Trouble("denied", f"what {where} has is no token", remedy=remedy)
    return text.strip()


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(TOKEN_FILE_BYTES_MAX)
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "is no text"
        raise Trouble("denied", f"HEADWAY_TOKEN_FILE: {path}: {said}", remedy="") from None
    if mode & 0o077:
        raise Trouble(
            "denied",
            f"HEADWAY_TOKEN_FILE: others can read {path} (mode {mode:04o})",
            remedy=f"chmod 600 {path}; headway token revoke, if somebody did",
        )
    return text
