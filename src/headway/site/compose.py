"""A compose.yaml -> a draft: commands, variables, ports, checks, replicas and who needs whom.

What belongs to containers (images, volumes, networks) has no place here, and is named with what to
do instead. Nothing is run and no file but this one is read.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from headway.site.draft import (
    CONNECT,
    SERVICES_MAX,
    Draft,
    DraftService,
    arguments_for,
    command_for,
    health_by_get,
    name_for,
    set_variable,
)
from headway.site.limits import REPLICAS_MAX
from headway.site.paths import read_url_path
from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.tree import Data, Mark, Scalar, read_tree, to_data
from headway.site.values import read_size, spell_size

MERGES_MAX = 20
KNOWN = {
    "command", "entrypoint", "environment", "depends_on", "ports", "healthcheck", "deploy",
    "scale", "image", "build", "mem_limit",
}  # fmt: skip
WHY_NOT = {
    "volumes": "data survives in folders of your choice",
    "networks": "services reach each other by `calls`",
    "links": "write `calls`",
    "restart": "a service that ends is started again anyway",
    "env_file": "write its variables under `env`, secrets as `${secret:NAME}`",
    "secrets": "write `${secret:NAME}` in `env`",
    "configs": "name such files under `files`",
    "cpus": "write `resources: {cpu: …}`, a share when cores are short",
    "user": "everything runs as the user of headwayd",
    "working_dir": "commands start in the folder of the description",
    "expose": "Headway chooses ports and passes them as $PORT",
    "extends": "write out what it takes from there",
    "profiles": "write `environments`",
    "privileged": "everything runs as the user of headwayd",
}
_URL_PATH = re.compile(r"https?://[^/\s\"']+(/[^\s\"'|&;]*)?")
_SIZE = re.compile(r"([0-9]{1,12})\s*([bkmg]?)b?", re.IGNORECASE)
_SIZE_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_INTERPOLATED = re.compile(
    r"(?<!\$)\$(?:[A-Za-z_]\w*|"
    r"\{[A-Za-z_]\w{0,100}(?::?-([^{}$]{0,1000})|[:?+][^{}$]{0,1000})?\})"
)


@dataclass(slots=True)
class _Carried:
    """What has been read so far."""

    draft: Draft
    names: dict[str, str] = field(default_factory=dict)  # as in compose -> here
    needs: dict[str, list[str]] = field(default_factory=dict)  # names as in compose
    jobs: set[str] = field(default_factory=set)  # somebody waits for them to end
    ports: dict[str, int] = field(default_factory=dict)  # first published one, by name here


def from_compose(text: str, *, site: str) -> Draft:
    draft = Draft(site=site, origin="a compose.yaml")
    tree = read_tree(text)
    if tree.problems or tree.root is None:
        said = tree.problems[0] if tree.problems else None
        draft.note(f"line {said.line}: {said.message}" if said else "it is empty")
        return draft
    services = _mapping(_mapping(to_data(tree.root)).get("services"))
    carried = _Carried(draft)
    for written, described in list(services.items())[:SERVICES_MAX]:
        _add(carried, written, _merged(described))
    if len(services) > SERVICES_MAX:
        draft.note(f"only {SERVICES_MAX} services are read")
    _connect(carried)
    _choose_entry(carried)
    return draft


def _add(carried: _Carried, written: str, described: Mapping[str, Data]) -> None:
    draft = carried.draft
    name = name_for(written, draft.names())
    carried.needs[written] = list(_needed(carried, described.get("depends_on")))
    run = _run(draft, name, described)
    if run is None:
        return
    service = DraftService(name, run, replicas=_replicas(draft, name, described))
    carried.names[written] = name
    draft.services.append(service)
    for key, value in _pairs(described.get("environment")):
        _carry_variable(draft, service, key, value)
    service.health = _health(draft, name, _mapping(described.get("healthcheck")))
    service.memory = _memory(draft, name, described)
    ports = [port for item in _items(described.get("ports")) if (port := _published(item))]
    if ports:
        carried.ports[name] = ports[0]
    if "$PORT" not in "".join(run):
        draft.note(f"{name}: must serve on $PORT, which differs for each replica")
    for key in described:
        if key not in KNOWN and not key.startswith("x-"):
            why = WHY_NOT.get(key, "it means nothing without containers")
            draft.note(f"{name}: {quoted(key, 30)}: {why}")


def _run(draft: Draft, name: str, described: Mapping[str, Data]) -> str | tuple[str, ...] | None:
    """Entry point and command together, as compose would start them."""
    parts = [described.get("entrypoint"), described.get("command")]
    lists = [_items(p) for p in parts if isinstance(p, list)]
    lines = [p.text for p in parts if isinstance(p, Scalar) and not p.is_null and p.text.strip()]
    if not lines and not any(lists):
        image = described.get("image")
        what = f"image {quoted(image.text)}" if isinstance(image, Scalar) else "its image"
        draft.note(f"{name}: left out: {what} says how it starts; add `run` with that command")
        return None
    if len(lines) == 1 and not lists:
        return command_for(draft, name, _filled(draft, name, lines[0]))
    words: list[str] = []
    for part in parts:
        if isinstance(part, Scalar) and not part.is_null:
            try:
                words += shlex.split(part.text)
            except ValueError:
                draft.note(f"{name}: left out: a quote in its command is not closed")
                return None
        words += [item.text for item in _items(part) if isinstance(item, Scalar)]
    filled = [_filled(draft, name, word) for word in words]
    return arguments_for(draft, name, filled)


def _filled(draft: Draft, name: str, text: str) -> str:
    """`${NAME:-default}` becomes the default; `$$` a dollar sign."""

    def fill(found: re.Match[str]) -> str:
        if re.match(r"\$\{?(PORT|HW_)", found[0]):
            return found[0]
        if found[1] is None:
            draft.note(f"{name}: {quoted(found[0], 30)} came from the environment of compose")
            return found[0]
        return found[1]

    return _INTERPOLATED.sub(fill, text).replace("$$", "$")


def _carry_variable(draft: Draft, service: DraftService, key: str, value: Data | None) -> None:
    if not isinstance(value, Scalar) or (value.plain and value.is_null):
        draft.note(f"{service.name}: {quoted(key, 40)} has no value here; add it under `env`")
        return
    if any(found[1] is None for found in _INTERPOLATED.finditer(value.text)):
        draft.note(f"{service.name}: {quoted(key, 40)} came from the environment of compose")
        return
    set_variable(draft, service, key, _filled(draft, service.name, value.text))


def _needed(carried: _Carried, depends_on: Data | None) -> Iterator[str]:
    for item in _items(depends_on):
        if isinstance(item, Scalar):
            yield item.text
    for name, condition in _mapping(depends_on).items():
        wanted = _mapping(condition).get("condition")
        if isinstance(wanted, Scalar) and wanted.text == "service_completed_successfully":
            carried.jobs.add(name)
        yield name


def _connect(carried: _Carried) -> None:
    """`depends_on` becomes `calls`, as far as both ends are here."""
    draft = carried.draft
    by_name = {s.name: s for s in draft.services}
    for written in carried.jobs & carried.names.keys():
        by_name[carried.names[written]].is_job = True
        draft.note(f"{carried.names[written]}: became a job; nobody waits for its end")
    for written, needed in carried.needs.items():
        caller = by_name.get(carried.names.get(written, ""))
        for other in dict.fromkeys(needed):
            callee = by_name.get(carried.names.get(other, ""))
            if caller is None or (callee is not None and callee.is_job):
                continue
            if callee is None:
                draft.note(f"{caller.name}: needs {quoted(other, 40)}, which is not here")
            elif _reaches(callee, caller, by_name):
                draft.note(f"{caller.name}: needs {callee.name}, which needs it")
            else:
                caller.calls.append(callee.name)


def _reaches(start: DraftService, goal: DraftService, by_name: Mapping[str, DraftService]) -> bool:
    waiting, seen = [start], {start.name}
    while waiting:
        here = waiting.pop()
        if here is goal:
            return True
        new = [n for n in here.calls if n not in seen]
        seen.update(new)
        waiting += [by_name[n] for n in new]
    return False


def _choose_entry(carried: _Carried) -> None:
    """Users come in where a port is published first."""
    draft = carried.draft
    serving = [s.name for s in draft.services if not s.is_job]
    published = [name for name in serving if name in carried.ports]
    if not serving:
        return
    draft.entry = published[0] if published else serving[0]
    draft.port = carried.ports.get(draft.entry, draft.port)
    if not published:
        draft.note(f"no port is published; users come in at {draft.entry}, port {draft.port}")
    for name in published[1:]:
        draft.note(f"{name}: port {carried.ports[name]}: users come in at one place, {draft.entry}")


def _published(item: Data) -> int | None:
    """`"8080:80"`, `127.0.0.1:8080:80/tcp`, `80`, `{published: 8080, target: 80}`."""
    if isinstance(item, dict):
        item = item.get("published") or item.get("target") or []
    text = item.text.partition("/")[0] if isinstance(item, Scalar) else ""
    parts = text.split(":")
    number = (parts[-2] if len(parts) > 1 else parts[-1]).partition("-")[0].strip()
    usable = number.isascii() and number.isdigit() and len(number) <= 5
    return int(number) if usable and 1 <= int(number) <= 65_535 else None


def _health(draft: Draft, name: str, check: Mapping[str, Data]) -> str:
    test = check.get("test")
    words = [test] if isinstance(test, Scalar) else _items(test)
    line = " ".join(word.text for word in words if isinstance(word, Scalar))
    found = _URL_PATH.search(line)
    if found is None:
        if line:
            draft.note(
                f"{name}: its check became a connection; Headway asks with a GET, or connects"
            )
        return CONNECT
    path = found[1] or "/"
    try:
        read_url_path(Scalar(path, plain=False, mark=Mark(1, 1, 1)))
    except Refused as refused:
        draft.note(f"{name}: its check became a connection: {refused.message}")
        return CONNECT
    return health_by_get(path)


def _replicas(draft: Draft, name: str, described: Mapping[str, Data]) -> int:
    told = _mapping(described.get("deploy")).get("replicas") or described.get("scale")
    text = told.text if isinstance(told, Scalar) else "1"
    if text.isascii() and text.isdigit() and len(text) <= 6 and 0 < int(text) <= REPLICAS_MAX:
        return int(text)
    draft.note(f"{name}: {quoted(text, 20)} replicas became 1")
    return 1


def _memory(draft: Draft, name: str, described: Mapping[str, Data]) -> str:
    resources = _mapping(_mapping(described.get("deploy")).get("resources"))
    told = _mapping(resources.get("limits")).get("memory") or described.get("mem_limit")
    if not isinstance(told, Scalar):
        return ""
    found = _SIZE.fullmatch(told.text.strip())
    if found is not None:
        spelled = spell_size(int(found[1]) * _SIZE_UNITS[found[2].lower()])
        try:
            read_size(Scalar(spelled, plain=True, mark=Mark(1, 1, 1)))
        except Refused:
            pass
        else:
            return spelled
    draft.note(f"{name}: {quoted(told.text, 20)} is no limit of memory here")
    return ""


def _pairs(environment: Data | None) -> Iterable[tuple[str, Data | None]]:
    """A mapping, or a list of `NAME=value`."""
    if isinstance(environment, dict):
        return list(_merged(environment).items())
    found: list[tuple[str, Data | None]] = []
    for item in _items(environment):
        if isinstance(item, Scalar):
            key, is_set, value = item.text.partition("=")
            found.append((key, Scalar(value, plain=False, mark=item.mark) if is_set else None))
    return found


def _merged(data: Data) -> dict[str, Data]:
    """A mapping with what `<<` brings in, as compose files like to share it."""
    found = dict(_mapping(data))
    for _ in range(MERGES_MAX):
        merge = found.pop("<<", None)
        if merge is None:
            break
        for part in [merge] if isinstance(merge, dict) else _items(merge):
            found = {**_mapping(part), **found}
    return found


def _mapping(data: Data | None) -> dict[str, Data]:
    return data if isinstance(data, dict) else {}


def _items(data: Data | None) -> list[Data]:
    return data if isinstance(data, list) else []
