"""Read a description from disk, carefully: it may be missing, huge, a folder, or no text at all."""

import stat
from dataclasses import dataclass
from pathlib import Path

from headway.model.errors import SiteError
from headway.site.limits import TEXT_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Source:
    """A description as it was read."""

    text: str
    directory: Path  # absolute; paths in the description are relative to it
    file: str  # as the person wrote it, for messages


def read(path: Path) -> Source:
    """Read at most `TEXT_BYTES_MAX`; anything that cannot be a description is a `SiteError`."""
    try:
        # Asked before opening: opening a named pipe would wait for ever.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SiteError(f"{path}: is a folder", remedy=f"name the file: {path / 'site.yaml'}")
        if not stat.S_ISREG(mode):
            raise SiteError(f"{path}: is not a regular file", remedy="name a site.yaml")
        with path.open("rb") as file:
            content = file.read(TEXT_BYTES_MAX + 1)
        directory = path.resolve().parent
    except FileNotFoundError as error:
        remedy = "name another file, or write one: six lines per service are enough"
        raise SiteError(f"{path}: no such file", remedy=remedy) from error
    except PermissionError as error:
        raise SiteError(f"{path}: may not be read", remedy=f"chmod +r {path}") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise SiteError(f"{path}: cannot be read: {reason}", remedy="check the path") from error
    return Source(_decode(path, content), directory, str(path))


def _decode(path: Path, content: bytes) -> str:
    if len(content) > TEXT_BYTES_MAX:
        limit = f"{TEXT_BYTES_MAX // 1024} KiB"
        remedy = f"a description has at most {limit}; is this the right file?"
        raise SiteError(f"{path}: larger than {limit}", remedy=remedy)
    if b"\0" in content:
        remedy = "it looks binary; is this the right file?"
        raise SiteError(f"{path}: is not a text file", remedy=remedy)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        remedy = "save it as UTF-8"
        raise SiteError(f"{path}:{line}: is not UTF-8 text", remedy=remedy) from error
