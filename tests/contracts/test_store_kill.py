"""kill -9 while samples are taken in: what was acknowledged is there, whole, and opens again."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import numpy as np
import pytest
from tests.contracts.store_process import SERIES, TARGETS, time_of, values_of

from headway.monitoring.io.store import Limits, Store
from headway.monitoring.series import NAME, Matcher, MatchOp, is_stale

pytestmark = pytest.mark.contract

PROGRAM = Path(__file__).with_name("store_process.py")
KILLS = int(os.environ.get("HEADWAY_STORE_KILLS", "4"))
ROWS_MAX = 60


def test_what_was_acknowledged_survives_kill_9_again_and_again(tmp_path: Path) -> None:
    chance, next_row, acknowledged = Random(1), 0, set[int]()
    told: list[str] = []
    for _ in range(KILLS):
        rows = killed(tmp_path, next_row, chance.randrange(1, ROWS_MAX), told)
        acknowledged.update(rows)
        next_row = check(tmp_path, acknowledged, told) + 1
    assert not any("damaged" in line for line in told)


def killed(folder: Path, first: int, rows: int, told: list[str]) -> list[int]:
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, str(PROGRAM), str(folder), str(first)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:
        try:
            assert process.stdout is not None
            found: list[int] = []
            for line in process.stdout:
                if line.startswith("told"):
                    told.append(line)
                else:
                    found.append(int(line))
                if len(found) == rows:
                    break
        finally:
            process.kill()
        rest = process.stdout.read().split("\n")
    return found + [int(line) for line in rest[:-1] if line.isdecimal()]


def check(folder: Path, acknowledged: set[int], told: list[str]) -> int:
    """Every acknowledged row is there with its values; the last row that is there at all."""
    with closing(Store(folder, Limits(), told.append)) as store:
        groups = store.select((Matcher(NAME, MatchOp.EQUAL, "n_total"),), 0, 1 << 60)
    assert len(groups) == TARGETS
    last = 0
    for group in groups:
        rows = ((group.times_ms - time_of(0)) // 1000).tolist()
        assert acknowledged <= set(rows)
        assert len(group.labels) == SERIES
        assert not is_stale(group.values).any()
        order = np.argsort([int(labels["n"]) for labels in group.labels])
        expected = np.array([values_of(row) for row in rows]).T
        assert (group.values[order] == expected).all()
        last = max(last, *rows)
    return last
