"""What a replica is told: its environment and the command line made from it.

`$PORT` and `$HW_…` (also as `${…}`) are filled in without a shell, `${secret:NAME}` by asking for
the secret; every other `$` stays as it is. What was filled in is never looked at again, so that a
secret may hold any character. The process is told which variables hold one, so that it can keep
their values to itself.
"""

import re
from collections.abc import Callable, Mapping

from headway.model.host import Host
from headway.model.plan import Start
from headway.model.release import Launch

REFERENCE = re.compile(
    r"\$\{secret:(?P<secret>[A-Za-z0-9._-]+)\}"
    r"|\$\{(?P<braced>PORT|HW_[A-Z0-9_]+)\}"
    r"|\$(?P<bare>PORT|HW_[A-Z0-9_]+)(?![A-Za-z0-9_])"
)

Secrets = Callable[[str], str]


def replica_names(
    start: Start, environment: str, port: int, host: Host, *, control: str
) -> dict[str, str]:
    """Nothing of this belongs to the release: it may change without a restart."""
    names = {
        "PORT": str(port),
        "HW_SERVICE": start.service,
        "HW_REPLICA": start.replica,
        "HW_RELEASE": start.release,
        "HW_ENV": environment,
        "HW_HOST": host.name,
        "HW_ZONE": host.zone,
        "HW_CONTROL": control,
    }
    secret = ",".join(name for name, value in start.launch.env if "${secret:" in value)
    return {**names, "HW_SECRET_NAMES": secret} if secret else names


def full_environment(
    launch: Launch, base: Mapping[str, str], own: Mapping[str, str], secrets: Secrets
) -> dict[str, str]:
    """`base` (PATH, HOME, LANG) may be overridden by the description, `own` may not."""
    described = dict(launch.env)
    known = {**described, **own}
    filled = {name: fill_in(value, known, secrets) for name, value in described.items()}
    return {**base, **filled, **own}


def fill_in(text: str, known: Mapping[str, str], secrets: Secrets) -> str:
    def value(match: re.Match[str]) -> str:
        if match["secret"]:
            return secrets(match["secret"])
        return known.get(match["braced"] or match["bare"], match[0])

    return REFERENCE.sub(value, text)
