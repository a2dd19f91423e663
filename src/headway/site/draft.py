"""A first description, made from something else: what was understood, and what was not.

Whatever the origin holds, what is written can be read again: values pass the same readers as those
of a description, and what they refuse is left out and said.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from headway.site.check_names import is_like_a_replica
from headway.site.command import read_command
from headway.site.environments import RESERVED_NAMES
from headway.site.problem import printable, quoted
from headway.site.refused import Refused
from headway.site.secret import check_references, mentions_secret
from headway.site.tree import NULLS, Mark, Scalar
from headway.site.values import VARIABLE_PATTERN, check_name, read_text

DEFAULT_PORT = 8080
SERVICES_MAX = 100
NOTES_MAX = 200
NOTES_TITLE = "Not carried over, or to be looked at:"
CONNECT = "{expect: connect}"

_PLAIN = re.compile(r"[A-Za-z/.][A-Za-z0-9 _./$@=+-]*")
_NOT_PRINTED = re.compile("[^\t\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HOLDS_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@")  # of a URL
# `${PORT:-5000}` of a shell; here the port is always given.
_PORT_OR_ELSE = re.compile(r"\$\{PORT:?[-=][^{}$]{0,100}\}")
_VARIABLE = re.compile(r"\$\{?(?!PORT\b|HW_)[A-Za-z_]")
_LOOKS_SECRET = re.compile(r"PASSW|SECRET|TOKEN|API_?KEY|PRIVATE|CREDENTIAL", re.IGNORECASE)


@dataclass(slots=True)
class DraftService:
    name: str
    run: str | tuple[str, ...]
    is_job: bool = False
    replicas: int = 1
    health: str = CONNECT
    env: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    memory: str = ""


@dataclass(slots=True)
class Draft:
    site: str
    origin: str  # what it was made from, for the first line
    entry: str = ""
    port: int = DEFAULT_PORT
    latency_budget: str = ""
    services: list[DraftService] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what differs from the origin, and why

    def note(self, text: str) -> None:
        if len(self.notes) < NOTES_MAX and text not in self.notes:
            self.notes.append(text)

    def names(self) -> list[str]:
        return [s.name for s in self.services]


def name_for(text: str, taken: Iterable[str], what: str = "service") -> str:
    """A name like this one that may be used here and is not yet."""
    plain = re.sub(r"[^a-z0-9]+", "-", text[:60].lower()).strip("-")[:30].strip("-") or what
    stem = plain if plain[0].isalpha() else f"{what[0]}-{plain}"
    used = set(taken)
    for number in range(len(used) + 3):
        name = stem + ("-" + _letters(number) if number else "")
        others = used | {name}
        if name in used or name in RESERVED_NAMES or name in NULLS:
            continue
        if any(is_like_a_replica(one, others) for one in others):
            continue
        try:
            check_name(name, what)
        except Refused:
            continue
        return name
    raise AssertionError("more names were tried than are taken")


def command_for(draft: Draft, name: str, line: str) -> str | tuple[str, ...] | None:
    """A command of a shell as it can be started here, or None."""
    line = _PORT_OR_ELSE.sub("$PORT", line).strip()
    if mentions_secret(line) or _NOT_PRINTED.search(line):
        draft.note(f"{name}: its command holds a secret or a control character")
        return None
    needs_shell = _VARIABLE.search(line) is not None
    try:
        read_command(_text(line))
    except Refused as refused:
        needs_shell = True
        if refused.code != "HW027":
            draft.note(f"{name}: {refused.message}")
            return None
    if not needs_shell:
        return line
    draft.note(f"{name}: its command needs a shell and got one; begin its last part with `exec`")
    return arguments_for(draft, name, ("sh", "-c", line))


def arguments_for(draft: Draft, name: str, words: Iterable[str]) -> tuple[str, ...] | None:
    """A command given word by word, or None."""
    argv = tuple(_PORT_OR_ELSE.sub("$PORT", word) for word in words)
    if any(mentions_secret(word) or _NOT_PRINTED.search(word) for word in argv):
        draft.note(f"{name}: its command holds a secret or a control character")
        return None
    try:
        read_command([_text(word) for word in argv])
    except Refused as refused:
        draft.note(f"{name}: {refused.message}")
        return None
    return argv


def set_variable(draft: Draft, service: DraftService, key: str, value: str) -> None:
    """One variable; what looks like a secret becomes the name of one."""
    wrong = _wrong_with(key, value)
    if wrong:
        draft.note(f"{service.name}: variable {quoted(key, 40)} left out: {wrong}")
    elif _LOOKS_SECRET.search(key) or _HOLDS_PASSWORD.search(value):
        secret = f"{service.name}-{key.lower()}"[:64].rstrip("-_.")
        draft.note(f"{service.name}: {key} became the secret {secret}; its value was not copied")
        service.env[key] = f"${{secret:{secret}}}"
    else:
        service.env[key] = value


def _wrong_with(key: str, value: str) -> str:
    """Why a variable cannot be set, or nothing."""
    if key == "PORT" or key.startswith("HW_"):
        return "Headway sets it"
    if not re.fullmatch(VARIABLE_PATTERN, key):
        return "no such name is possible"
    if _NOT_PRINTED.search(value):
        return "it has control characters"
    try:
        check_references(read_text(_text(value)))
    except Refused as refused:
        return refused.message
    return ""


def render(draft: Draft) -> str:
    """The description with its comments."""
    return "\n".join(_lines(draft)) + "\n"


def _lines(draft: Draft) -> Iterator[str]:
    yield f"# Made by `headway init` from {printable(draft.origin)}."
    yield "# With every default: headway check --expand"
    if draft.notes:
        yield "#"
        yield f"# {NOTES_TITLE}"
        yield from (f"#   {printable(note)}" for note in draft.notes)
    yield ""
    yield "headway: 1"
    yield f"site: {spelled(draft.site)}"
    yield f"entry: {{service: {draft.entry}, port: {draft.port}}}  # where users come in"
    if draft.latency_budget:
        yield f"latency_budget: {draft.latency_budget}  # when an answer is due"
    yield "services:"
    for service in draft.services:
        yield f"  {service.name}:"
        yield from (f"    {line}" for line in _service(service))


def _service(service: DraftService) -> Iterator[str]:
    if isinstance(service.run, str):
        yield f"run: {spelled(service.run)}"
    else:
        yield "run: [" + ", ".join(spelled(word) for word in service.run) + "]"
    if service.is_job:
        yield "kind: job  # runs once; exit status 0 is success"
    yield f"replicas: {service.replicas}"
    if not service.is_job:
        hint = "  # its port answers; better: {path: /healthz}" if service.health == CONNECT else ""
        yield f"health: {service.health}{hint}"
    if service.calls:
        yield "calls:  # each is found at $HW_<NAME>_URL"
        yield from (f"  {callee}: {{}}" for callee in service.calls)
    if service.memory:
        yield f"resources: {{memory: {service.memory}}}"
    if service.env:
        yield "env:"
        yield from (f"  {key}: {spelled(value)}" for key, value in service.env.items())


def health_by_get(path: str) -> str:
    """Asked for a path, and any 2xx will do: the program knows nothing of Headway."""
    return f"{{path: {spelled(path)}, expect: status}}"


def spelled(text: str) -> str:
    """A text so that every YAML tool reads it as this text."""
    is_word = (
        _PLAIN.fullmatch(text)
        and not text.endswith(" ")
        and not re.fullmatch(r"(?i)yes|no|on|off|y|n|true|false|null|\.inf|\.nan", text)
    )
    return text if is_word else json.dumps(text, ensure_ascii=False)


def _letters(number: int) -> str:
    return "bcdefghijklmnopqrstuvwxyz"[(number - 1) % 25] * (1 + (number - 1) // 25)


def _text(text: str) -> Scalar:
    return Scalar(text, plain=False, mark=Mark(1, 1, 1))
