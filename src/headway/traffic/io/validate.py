"""Ask the real Envoy whether it would take a configuration, before it is given one."""

import asyncio
import json
from pathlib import Path

from headway.model.errors import TrafficError
from headway.traffic.bootstrap import candidate
from headway.traffic.io.shelf import Shelf
from headway.traffic.resources import Snapshot

CANDIDATE_PATH = "candidate.json"
ANSWER_S_MAX = 10.0
REASON_CHARS_MAX = 600


class RefusedError(TrafficError):
    """Envoy will not take this configuration, however often it is asked."""


async def validate(binary: Path, directory: Path, snapshot: Snapshot) -> None:
    """Raises `RefusedError` with Envoy's own reason when it would refuse any part."""
    shelf = Shelf(directory)
    shelf.write(CANDIDATE_PATH, json.dumps(candidate(snapshot)).encode(), urgent=False)
    argv = ("--mode", "validate", "-c", CANDIDATE_PATH, "-l", "critical")
    process = await asyncio.create_subprocess_exec(
        binary,
        *argv,
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            said, _ = await process.communicate()
    except TimeoutError as error:
        raise TrafficError(
            f"Envoy did not check the new configuration in {ANSWER_S_MAX:g} s; the old one stays",
            remedy="The machine is overloaded; it is tried again.",
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise RefusedError(
            f"Envoy refuses the new configuration; the old one stays: {_reason(said)}",
            remedy=f"What it refused lies in {directory / CANDIDATE_PATH}.",
        )


def _reason(said: bytes) -> str:
    """The end of what it said: before a broken rule Envoy prints the whole document."""
    text = " ".join(said.decode(errors="replace").split())
    after = text.partition("error initializing configuration ")[2].partition(": ")[2] or text
    _, rule, detail = after.rpartition("Proto constraint validation failed ")
    return (rule + detail)[-REASON_CHARS_MAX:]
