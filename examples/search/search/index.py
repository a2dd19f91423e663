"""The service `index`: ranked passages for a question, and one passage whole.

GET /search?q=…&limit=10   {"total": 226, "hits": [{"id", "title", "place", "origin", "snippet"}]}
GET /passage/17            {"id", "title", "place", "origin", "text"}
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway_sdk import Service
from search.answering import answer, question
from search.corpus import read_corpus
from search.passages import Passage
from search.ranking import Ranking, snippet

LIMIT_MAX = 50

svc = Service("index")
ranking = Ranking(read_corpus())


def _shown(number: int, passage: Passage) -> dict[str, object]:
    return {
        "id": number,
        "title": passage.title,
        "place": passage.place,
        "origin": passage.origin,
    }


async def search(request: Request) -> Response:
    query = question(request)
    wanted = request.query_params.get("limit", "10")
    limit = min(int(wanted), LIMIT_MAX) if wanted.isdecimal() and len(wanted) < 4 else 10
    found = ranking.find(query, limit=limit)
    hits = []
    for hit in found.hits:
        passage = ranking.passages[hit.number]
        shown = {"snippet": snippet(passage, query), "score": hit.score}
        hits.append(_shown(hit.number, passage) | shown)
    return answer({"replica": svc.identity.replica, "total": found.total, "hits": hits})


async def passage(request: Request) -> Response:
    number = request.path_params["number"]
    if not 0 <= number < len(ranking.passages):
        return answer({"error": f"there is no passage {number}"}, status=404)
    found = ranking.passages[number]
    shown = _shown(number, found) | {"text": found.text}
    return answer({"replica": svc.identity.replica, **shown})


@svc.ready_check
def has_passages() -> bool | str:
    return True if ranking.passages else "no text was found on this machine"


app = svc.asgi(
    Starlette(routes=[Route("/search", search), Route("/passage/{number:int}", passage)])
)
