"""One answer from many parts: everything is asked at once; what is late or broken is left out."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headway_sdk import Budget
from search.client import Backend, CallError

# What a proxy between us and the callee says, in words.
_MEANINGS = {503: "not available", 504: "too late"}


@dataclass(frozen=True, slots=True)
class Part:
    """What came of one call. `why` says what is wrong; empty: it is here."""

    content: Mapping[str, Any]
    why: str
    ms: float

    @property
    def ok(self) -> bool:
        return not self.why

    @property
    def replica(self) -> str:
        return str(self.content.get("replica", ""))


@dataclass(frozen=True, slots=True)
class Call:
    backend: Backend | None  # None: the description has no such arrow
    target: str
    budget: Budget


async def gather(calls: Mapping[str, Call], *, headers: Mapping[str, str]) -> dict[str, Part]:
    """Never raises for a callee, and never takes longer than the longest budget."""
    async with asyncio.TaskGroup() as group:
        asked = {
            name: group.create_task(_ask(call, headers=headers)) for name, call in calls.items()
        }
    return {name: task.result() for name, task in asked.items()}


async def _ask(call: Call, *, headers: Mapping[str, str]) -> Part:
    if call.backend is None:
        return Part({}, "not part of this site", 0.0)
    began_s = time.perf_counter()
    why = ""
    content: Mapping[str, Any] = {}
    try:
        reply = await call.backend.get(
            call.target,
            headers={**headers, **call.budget.headers()},
            timeout_s=call.budget.left_s(),
        )
        if reply.status == 200:
            content = _read(reply.body)
        else:
            why = _MEANINGS.get(reply.status, f"answered {reply.status}")
    except CallError as error:
        why = str(error)
    return Part(content, why, (time.perf_counter() - began_s) * 1000)


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        raise CallError("answered something that is not JSON") from None
    if not isinstance(content, dict):
        raise CallError("answered JSON of another shape")
    return content
