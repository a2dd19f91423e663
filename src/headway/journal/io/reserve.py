"""Room on the disk that is given back when there is none left, so that the last word fits."""

import os
from pathlib import Path

RESERVE_BYTES = 16 << 20


def set_reserve(path: Path, size: int = RESERVE_BYTES) -> bool:
    """Set aside room on the disk. Not the last room there is: then others need it more."""
    try:
        if path.exists() and path.stat().st_size == size:
            return True
        disk = os.statvfs(path.parent)
        if disk.f_bavail * disk.f_frsize < 2 * size:
            return False
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError:
            path.unlink()
            return False
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
