"""What a running service is told: the content of the file that `$HW_CONTROL` names.

Plain JSON, so that any language can read it. A service without a file is told nothing. Every word
says when it ends, so that a service goes back by itself although nobody is there to tell it.
"""

import json
from datetime import UTC

from headway.model.desired import Controls

VERSION = 1


def content(controls: Controls) -> bytes:
    """Empty when there is nothing to say. Same words, same bytes."""
    until = controls.log_level_until
    if not controls.log_level or until is None:
        return b""
    said = {
        "version": VERSION,
        "log_level": controls.log_level,
        "log_level_until": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return json.dumps(said).encode() + b"\n"
