"""A process that ingests until it is killed, and says what was acknowledged.

    python store_process.py FOLDER FIRST_ROW

Prints a row's number once its commit has returned. Cuts often, in a thread, as the monitor does.
"""

import sys
import threading
from pathlib import Path

import numpy as np

from headway.monitoring.io.store import Limits, Store
from headway.monitoring.series import NAME, Floats, Labels

BEGIN_MS = 1_700_006_400_000
TARGETS, SERIES = 3, 20
LABELS: list[Labels] = [{NAME: "n_total", "n": str(n)} for n in range(SERIES)]


def values_of(row: int) -> Floats:
    return np.arange(SERIES, dtype=np.float64) * 1000.0 + row


def time_of(row: int) -> int:
    return BEGIN_MS + row * 1000


def main() -> None:
    folder, row = Path(sys.argv[1]), int(sys.argv[2])
    store = Store(folder, Limits(memory_bytes=200_000), lambda text: say(f"told {text}"))
    feeds = [store.feed({"job": "web", "instance": str(n)}) for n in range(TARGETS)]
    threading.Thread(target=keep_up, args=(store,), daemon=True).start()
    while True:
        for feed in feeds:
            store.append(feed, time_of(row), LABELS, values_of(row))
        store.commit()
        say(str(row))
        row += 1


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def keep_up(store: Store) -> None:
    far_ms = BEGIN_MS + 86_400_000
    while True:
        store.maintain(far_ms)


if __name__ == "__main__":
    main()
