"""`headway down` does not wait for what has ended."""

import os
import subprocess

from headway.cli.down import lives


def test_a_process_that_ended_and_was_not_yet_waited_for_is_gone() -> None:
    process = subprocess.Popen(["sleep", "60"])
    assert lives(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not lives(process.pid)
    process.wait()
    assert not lives(process.pid)
