"""The log of one of Headway's own processes: bounded, times in UTC."""

import logging
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

LOG_BYTES_MAX, LOGS_KEPT = 8 << 20, 2


def log_to(path: Path) -> None:
    handler = RotatingFileHandler(path, maxBytes=LOG_BYTES_MAX, backupCount=LOGS_KEPT)
    formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s %(message)s")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
