"""What `headway doctor` says of `headwayd.toml`: is it right, and does anybody listen there?"""

import socket
from pathlib import Path

from headway.api.address import settings_path
from headway.api.control import Fact, Level
from headway.api.listen import Bind, Settings, read_settings, resolve, tls_context
from headway.model.errors import HeadwayError

CONNECT_S = 1.0


def listening(home: Path) -> list[Fact]:
    """Nothing when it is not asked for."""
    path = settings_path(home)
    try:
        settings = read_settings(path)
        if settings is None:
            return []
        binds = resolve(settings)
        if settings.tls is not None:
            tls_context(settings.tls)
    except HeadwayError as error:
        return [Fact("api", Level.FAIL, str(error), error.remedy)]
    return [_fact(settings, bind) for bind in binds]


def _fact(settings: Settings, bind: Bind) -> Fact:
    scheme = "https" if settings.tls else "http"
    host, port = bind.address[:2]
    where = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
    with socket.socket(bind.family, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_S)
        if probe.connect_ex(bind.address) == 0:
            return Fact("api", Level.OK, f"{where}, somebody listens")
    remedy = "headway token list starts headwayd; the end of headwayd.log says why it does not"
    return Fact("api", Level.WARN, f"{where} is asked for, and nobody listens", remedy)
