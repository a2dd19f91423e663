"""A Procfile -> a draft. One line per kind of process: `web: gunicorn shop:app`."""

import re

from headway.site.draft import SERVICES_MAX, Draft, DraftService, command_for, name_for
from headway.site.problem import quoted

_PROCESS = re.compile(r"([A-Za-z0-9_-]{1,100}):\s*(\S.*)")
ENTRY = "web"
JOB = "release"


def from_procfile(text: str, *, site: str) -> Draft:
    draft = Draft(site=site, origin="a Procfile")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _PROCESS.fullmatch(line.strip())
        if found is None:
            draft.note(f"line {number}: {quoted(line.strip(), 40)} names no process")
            continue
        if len(draft.services) == SERVICES_MAX:
            draft.note(f"line {number} and later: only {SERVICES_MAX} processes are read")
            break
        _add(draft, found[1], found[2])
    serving = [s for s in draft.services if not s.is_job]
    draft.entry = next(
        (s.name for s in serving if s.name == ENTRY), serving[0].name if serving else ""
    )
    if serving and draft.entry != ENTRY:
        draft.note(f"no process is called {ENTRY}; users come in at {draft.entry}")
    return draft


def _add(draft: Draft, process: str, line: str) -> None:
    name = name_for(process, draft.names())
    run = command_for(draft, name, line)
    if run is None:
        return
    is_job = process.lower() == JOB
    draft.services.append(DraftService(name, run, is_job=is_job))
    if is_job:
        draft.note(f"{name}: became a job; it starts beside the others, not before them")
    elif "PORT" not in line:
        draft.note(f"{name}: must serve on $PORT, if only to say that it is well")
