"""wrk: a load generator in C, because one in Python would be slower than what it measures."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.binaries import find
from benchmarks.peers.process import end, spawn

UNITS_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Answered:
    requests: int
    bad: int  # not 2xx or 3xx, and those that ended without an answer
    per_s: float
    p50_ms: float
    p99_ms: float


async def wrk(port: int, *, connections: int, duration_s: int, log: Path) -> Answered:
    """One thread, every connection asks again as soon as it was answered."""
    await asyncio.to_thread(log.unlink, missing_ok=True)
    process = await spawn(
        *(find("wrk"), "-t1", f"-c{connections}", f"-d{duration_s}s", "--latency"),
        f"http://127.0.0.1:{port}/",
        log=log,
    )
    try:
        await asyncio.wait_for(process.wait(), duration_s + 10)
    finally:
        await end(process, grace_s=0.5)
    return parsed(await asyncio.to_thread(log.read_text, encoding="utf-8"))


def parsed(text: str) -> Answered:
    """What wrk prints for people."""
    errors = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return Answered(
        requests=int(_only(r"(\d+) requests in", text)),
        bad=sum(map(int, errors.groups() if errors else ()))
        + int(_only(r"Non-2xx or 3xx responses: (\d+)", text, default="0")),
        per_s=float(_only(r"Requests/sec:\s+([\d.]+)", text)),
        p50_ms=_latency_ms(50, text),
        p99_ms=_latency_ms(99, text),
    )


def _latency_ms(percent: int, text: str) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)([a-z]+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"wrk said nothing of {percent} %: {text!r}")
    return float(found[1]) * UNITS_MS[found[2]]


def _only(pattern: str, text: str, default: str | None = None) -> str:
    found = re.search(pattern, text)
    if found is None and default is None:
        raise ValueError(f"not what wrk usually prints: {text!r}")
    return found[1] if found else default or ""
