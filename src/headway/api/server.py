"""headwayd's API on its Unix socket and, when `headwayd.toml` asks for it, over TCP."""

from pathlib import Path

from headway.api.app import create_app
from headway.api.connection import HEADERS_S
from headway.api.control import Control
from headway.api.outside import Outside
from headway.api.serving import Baton, serve_app


async def serve(
    control: Control,
    socket_path: Path,
    outside: Outside | None = None,
    baton: Baton | None = None,
    *,
    headers_s: float = HEADERS_S,
) -> None:
    """Answer until cancelled."""
    await serve_app(create_app(control), socket_path, outside, baton, headers_s=headers_s)
