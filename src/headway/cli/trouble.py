"""How a command ends: the exit codes, and bad news with a remedy. The one place for both."""

from enum import IntEnum


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    INVALID = 2  # wrong usage, or a description that cannot be used
    CHANGES = 3  # only with --exit-code, and of fmt --check
    STALE_PLAN = 4
    DENIED = 5
    UNREACHABLE = 6
    INTERRUPTED = 130


MEANING = {
    Exit.DONE: "done",
    Exit.FAILED: "failed",
    Exit.INVALID: "invalid: wrong usage, or a description that cannot be used",
    Exit.CHANGES: "there are changes",
    Exit.STALE_PLAN: "the plan is stale",
    Exit.DENIED: "this user may not",
    Exit.UNREACHABLE: "headwayd cannot be reached",
    Exit.INTERRUPTED: "interrupted; what was begun goes on",
}

# What headwayd calls an error -> how the command ends; anything else is a failure.
EXIT_BY_CODE = {
    "site": Exit.INVALID,
    "usage": Exit.INVALID,
    "bad-request": Exit.INVALID,
    "stale-plan": Exit.STALE_PLAN,
    "denied": Exit.DENIED,
    "no-token": Exit.DENIED,
    "unreachable": Exit.UNREACHABLE,
    "interrupted": Exit.INTERRUPTED,
}


class Trouble(Exception):  # noqa: N818 - it is what a person is told
    """What went wrong, and what to do next. `code` decides the exit code."""

    def __init__(self, code: str, error: str, *, remedy: str = "") -> None:
        super().__init__(error)
        self.code = code
        self.error = error
        self.remedy = remedy

    def body(self) -> dict[str, str]:
        """As JSON, and as the API tells it."""
        return {"code": self.code, "error": self.error, "remedy": self.remedy}

    @property
    def exit(self) -> Exit:
        return EXIT_BY_CODE.get(self.code, Exit.FAILED)
