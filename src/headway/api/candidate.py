"""Can the code that is on disk now take over? It is started and asked, and changes nothing."""

import asyncio
import json
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from headway.api.control import ConflictError

ANSWER_S_MAX = 60.0
ANSWER_BYTES_MAX = 1 << 20
LINES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    version: str
    unreadable: Mapping[str, str]  # environments whose descriptions it cannot read, and why


async def look_at_candidate(home: Path) -> Candidate:
    """Raises ConflictError with its own words when it could not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "headway.daemon", "--home", str(home), "--check"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=home,
    )
    try:
        async with asyncio.timeout(ANSWER_S_MAX):
            said, complaint = await process.communicate()
    except TimeoutError:
        raise _refused(f"does not say within {ANSWER_S_MAX:g} s whether it can") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        why = "; ".join(line.strip() for line in lines[-LINES_SHOWN:])
        raise _refused(f"ends with status {process.returncode}: {why or 'it gave no reason'}")
    try:
        answer = json.loads(said[:ANSWER_BYTES_MAX])
        return Candidate(str(answer["version"]), dict(answer["unreadable"]))
    except (ValueError, KeyError, TypeError):
        raise _refused("gives no answer that could be read") from None


def check_reads_all(candidate: Candidate, readable: Collection[str]) -> None:
    """Raises ConflictError when it could not look after what is looked after now."""
    lost = {name: why for name, why in candidate.unreadable.items() if name in readable}
    for name, why in lost.items():
        raise _refused(f"cannot read the description of {name}: {why}")


def _refused(why: str) -> ConflictError:
    return ConflictError(
        f"the code on disk cannot take over: it {why}",
        remedy="nothing was changed; install it again, or the version before it",
    )
