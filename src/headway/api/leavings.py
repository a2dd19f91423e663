"""What an environment leaves behind in its folder."""

import shutil
from contextlib import suppress
from pathlib import Path


def clear(folder: Path, *, keep_logs: bool) -> None:
    """Drop its files; the logs only with --purge."""
    for path in folder.iterdir():
        if path.name == "logs" and keep_logs:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for empty in (folder, folder.parent):
        with suppress(OSError):
            empty.rmdir()
