"""One program of headwayd gives its process to the next: same pid, same lock, same socket."""

import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from headway.api.address import journal_path
from headway.api.custody import Succession
from headway.api.restoring import prepared_path
from headway.journal.io.copies import put_in_place
from headway.model.errors import JournalError

log = logging.getLogger("headway.daemon")


@dataclass(frozen=True, slots=True)
class Taken:
    """Open files that go along: the lock of the home, and the API's socket if it was open."""

    lock: int
    socket: int | None

    @classmethod
    def up(cls, word: str) -> "Taken":
        """What the program before us left, by its word on our command line. Raises OSError."""
        numbers = [int(number) for number in word.split(",")]
        for number in numbers:
            os.set_inheritable(number, False)
        return cls(numbers[0], numbers[1] if len(numbers) > 1 else None)


def go_on(home: Path, succession: Succession, taken: Taken) -> NoReturn:
    """Become the code that is on disk now. Raises OSError; then a keeper starts it instead."""
    if succession.restored_as is not None:
        try:
            put_in_place(prepared_path(home), journal_path(home), succession.restored_as)
        except JournalError as error:
            log.error("%s; %s", error, error.remedy)  # noqa: TRY400 - whoever asked looks for it
    files = [taken.lock] if taken.socket is None else [taken.lock, taken.socket]
    for number in files:
        os.set_inheritable(number, True)
    argv = [sys.executable, "-P", "-m", "headway.daemon", "--home", str(home)]
    argv += ["--go-on", ",".join(map(str, files))]
    if succession.renew_keepers:
        argv.append("--renew-keepers")
    logging.shutdown()
    os.execv(argv[0], argv)  # noqa: S606 - no shell is wanted
