"""The pages, as text. Pure; everything that came from outside is escaped where it is written."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from search.compose import Part
from search.ranking import query_terms
from search.words import stem

STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
SECURITY = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
}
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='7' cy='7' r='4.5' fill='none' stroke='%233347c9' stroke-width='2.4'/%3E"
    "%3Cpath d='M10.5 10.5L15 15' stroke='%233347c9' stroke-width='2.6'/%3E%3C/svg%3E"
)
_TRIES = ("asyncio queue", "json encoder", "temporary file", "thread pool", "regualr expresion")
_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Made:
    """How a page came to be: shown at its foot."""

    replica: str
    request_id: str
    took_ms: float
    parts: Mapping[str, Part]


def home(made: Made) -> str:
    tries = "".join(f'<a href="/search?q={quote_plus(q)}">{escape(q)}</a>' for q in _TRIES)
    body = f"""<main class="page"><div class="home">
<h1>Python, searched.</h1>
<p>The documentation that came with the Python on this machine, docstring by docstring,
and the READMEs of the packages beside it.</p>
{_form("", focus=True)}
<div class="try">{tries}</div>
</div></main>"""
    return _document("Python, searched", body, made)


def results(query: str, made: Made) -> str:
    index, spell, ads = (made.parts[name] for name in ("index", "spell", "ads"))
    cards = _ads(ads.content.get("ads", ())) if ads.ok else ""
    shown = _hits(query, index, made) if index.ok else _no_answers(query, index)
    body = f"""{_header(query)}
<main class="page columns{"" if cards else " alone"}"><div>
{_correction(spell)}{shown}
</div>{cards}</main>"""
    return _document(f"{query} · search", body, made, query=query)


def passage(number: int, made: Made) -> str:
    part = made.parts["index"]
    if not part.ok:
        body = f"""{_header("")}<main class="page columns alone"><div>
{_notice("This passage is not here", f"The index says: {part.why}.", f"/passage/{number}")}
</div></main>"""
        return _document("Not here · search", body, made)
    found = {key: escape(str(part.content.get(key, ""))) for key in ("title", "place", "text")}
    origin = escape(str(part.content.get("origin", "")))
    body = f"""{_header("")}
<main class="page columns alone"><article><h1>{found["title"]}</h1>
<p class="place">{origin} · {found["place"]}</p><pre>{found["text"]}</pre></article></main>"""
    return _document(f"{part.content.get('title', '')} · search", body, made)


def thanks(query: str, made: Made) -> str:
    back = f'<a href="/search?q={quote_plus(query)}">Back to the answers</a>' if query else ""
    body = f"""{_header(query)}<main class="page columns alone"><div>
<p class="correction">Thank you, that was counted. {back}</p></div></main>"""
    return _document("Thank you · search", body, made)


def highlight(text: str, query: str) -> str:
    """Escaped text, with the words that were asked for marked."""
    wanted = set(query_terms(query))
    done, at = [], 0
    for word in _WORD.finditer(text):
        if stem(word[0].lower()) in wanted:
            done += [escape(text[at : word.start()]), "<mark>", word[0], "</mark>"]
            at = word.end()
    return "".join([*done, escape(text[at:])])


def _hits(query: str, index: Part, made: Made) -> str:
    hits: Sequence[Mapping[str, Any]] = index.content.get("hits", ())
    total = int(index.content.get("total", 0))
    if not hits:
        return f'<p class="correction">Nothing here mentions <b>{escape(query)}</b>.</p>'
    rows = "\n".join(_hit(hit, query) for hit in hits)
    many = "1 answer" if total == 1 else f"{total:,} answers"
    best = f", the best {len(hits)}" if total > len(hits) else ""
    return f"""<p class="summary">{many}{best} · {made.took_ms:.0f} ms</p>
<ol class="hits">
{rows}
</ol>"""


def _hit(hit: Mapping[str, Any], query: str) -> str:
    title = escape(str(hit.get("title", ""))).replace(".", ".<wbr>")  # long names may break here
    place = f"{hit.get('origin', '')} · {hit.get('place', '')}"
    return f"""<li><h2><a href="/passage/{int(hit.get("id", 0))}">{title}</a></h2>
<p class="place">{escape(place)}</p>
<p class="snippet">{highlight(str(hit.get("snippet", "")), query)}</p></li>"""


def _correction(spell: Part) -> str:
    better = str(spell.content.get("correction", ""))
    if not better:
        return ""
    link = f'<a href="/search?q={quote_plus(better)}">{escape(better)}</a>'
    return f'<p class="correction">Did you mean {link}?</p>'


def _no_answers(query: str, index: Part) -> str:
    why = f"The index did not answer ({index.why}). It is being looked after; please try again."
    return _notice("No answers right now", why, f"/search?q={quote_plus(query)}")


def _notice(title: str, why: str, again: str) -> str:
    return f"""<div class="notice"><h1>{escape(title)}</h1>
<p>{escape(why)} <a href="{escape(again)}">Try again</a></p></div>"""


def _ads(ads: Sequence[Mapping[str, Any]]) -> str:
    cards = "".join(
        f'<div class="ad"><small>Sample advertisement</small><h3>{escape(str(ad.get("title", "")))}'
        f"</h3><p>{escape(str(ad.get('text', '')))}</p></div>"
        for ad in ads
    )
    return f"<aside>{cards}</aside>" if cards else ""


def _header(query: str) -> str:
    return f"""<header><div class="page"><a class="brand" href="/">Python, <b>searched</b></a>
{_form(query)}</div></header>"""


def _form(query: str, *, focus: bool = False) -> str:
    return f"""<form class="search" action="/search" role="search"><input type="search" name="q"
value="{escape(query)}" maxlength="200" aria-label="Search" placeholder="asyncio queue"
autocomplete="off"{" autofocus" if focus else ""}><button>Search</button></form>"""


def _footer(made: Made, query: str) -> str:
    parts = "".join(_part(name, part) for name, part in made.parts.items())
    useful = (
        f"""<form class="useful" method="post" action="/feedback">Was this useful?
<input type="hidden" name="q" value="{escape(query)}"><button name="useful" value="yes">Yes</button>
<button name="useful" value="no">No</button></form>"""
        if query
        else ""
    )
    took = f" in {made.took_ms:.1f} ms" if made.parts else ""
    return f"""<footer><div class="page">
<p>Answered by <b>{escape(made.replica)}</b>{took} · request {escape(made.request_id)}</p>
<ul class="parts">{parts}</ul>{useful}
</div></footer>"""


def _part(name: str, part: Part) -> str:
    if part.ok:
        return f"<li><b>{escape(name)}</b> {escape(part.replica)}, {part.ms:.1f} ms</li>"
    return f'<li class="missing"><b>{escape(name)}</b> left out: {escape(part.why)}</li>'


def _document(title: str, body: str, made: Made, *, query: str = "") -> str:
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><link rel="icon" href="{_ICON}">
<style>{STYLE}</style></head><body>
{body}
{_footer(made, query)}
</body></html>
"""
