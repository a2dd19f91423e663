"""The service `spell`: a better way to write the question, if there is one.

GET /correct?q=asincio+queue   {"correction": "asyncio queue"}
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headway_sdk import Service
from search.answering import answer, question
from search.corpus import read_corpus
from search.spelling import Spelling, count_words

svc = Service("spell")
spelling = Spelling(count_words(f"{passage.title} {passage.text}" for passage in read_corpus()))


async def correct(request: Request) -> Response:
    correction = spelling.correct(question(request))
    return answer({"replica": svc.identity.replica, "correction": correction})


app = svc.asgi(Starlette(routes=[Route("/correct", correct)]))
