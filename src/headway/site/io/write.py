"""Write a description to disk: whole or not at all, and never over something unasked."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from headway.model.errors import HeadwayError, SiteError

NEW_FILE_MODE = 0o644


def refuse_existing(path: Path) -> None:
    """Raise what `write` would raise without `replace`, before anybody takes any trouble."""
    with _translated(path):
        if path.resolve(strict=False).exists():
            raise FileExistsError


def write(path: Path, text: str, *, replace: bool) -> None:
    """Put the text in place at once. A link is followed, owner and mode of the old file stay.

    Without `replace` a file that is there is left alone: a `SiteError` says so.
    """
    with _translated(path):
        target = path.resolve(strict=False)
        old = target.stat() if target.exists() else None
        if old is not None and not replace:
            raise FileExistsError
        if old is not None and not stat.S_ISREG(old.st_mode):
            raise SiteError(f"{path}: is not a regular file", remedy="name a site.yaml")
        _put(target, text, old, replace=replace)


@contextlib.contextmanager
def _translated(path: Path) -> Iterator[None]:
    """What the system says, for people."""
    try:
        yield
    except FileNotFoundError as error:
        raise SiteError(f"{path}: its folder does not exist", remedy="create it first") from error
    except FileExistsError as error:
        remedy = "name another file, or write over it with --force"
        raise SiteError(f"{path}: is there already", remedy=remedy) from error
    except (OSError, ValueError, RuntimeError) as error:  # NUL in a name; a circle of links
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "nothing was changed; is the disk full, or the folder not yours?"
        raise HeadwayError(f"{path}: cannot be written: {reason}", remedy=remedy) from error


def _put(target: Path, text: str, old: os.stat_result | None, *, replace: bool) -> None:
    """A temporary file beside it, complete and on disk, takes its name."""
    number, name = tempfile.mkstemp(prefix=f".{target.name[:50]}.", dir=target.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            mode = stat.S_IMODE(old.st_mode) if old else NEW_FILE_MODE & ~_umask()
            os.fchmod(file.fileno(), mode)
            if old is not None and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):  # only root can give files away
                    os.fchown(file.fileno(), old.st_uid, old.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            Path(name).replace(target)
        else:
            os.link(name, target)  # unlike a rename this fails when something is there
            Path(name).unlink()
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
