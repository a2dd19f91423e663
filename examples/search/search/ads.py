"""The service `ads`: sample advertisements, marked as such. Nobody pays for them.

GET /for?q=asyncio+queue   {"ads": [{"title", "text"}]}
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway_sdk import Service
from search.answering import answer, question
from search.words import terms

ADS_MAX = 2

svc = Service("ads")
SAMPLES: Sequence[Mapping[str, Any]] = json.loads(
    Path(__file__).with_name("sample_ads.json").read_text(encoding="utf-8")
)


def fitting(query: str) -> list[dict[str, str]]:
    """Those that share most words with the question; none is better than a wrong one."""
    asked = set(terms(query))
    ranked = sorted(SAMPLES, key=lambda ad: -len(asked.intersection(ad["words"])))
    fit = [ad for ad in ranked if asked.intersection(ad["words"])][:ADS_MAX]
    return [{"title": ad["title"], "text": ad["text"]} for ad in fit]


async def choose(request: Request) -> Response:
    return answer({"replica": svc.identity.replica, "ads": fitting(question(request))})


app = svc.asgi(Starlette(routes=[Route("/for", choose)]))
