"""What the three services behind the page have in common: a question in, JSON out."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

QUERY_CHARS_MAX = 200


def question(request: Request) -> str:
    """What the user asks, cut to a length that no index minds."""
    return " ".join(request.query_params.get("q", "")[:QUERY_CHARS_MAX].split())


def answer(content: Mapping[str, Any], *, status: int = 200) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status_code=status, media_type="application/json")
