"""Read what a release is made of: digests of its files. Bounded, and never a surprise later."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from headway.model.errors import SiteError

FILES_MAX = 10_000
FILE_BYTES_MAX = 1 << 30


def digests(directory: str, candidates: Iterable[str]) -> dict[str, str]:
    """Path as written (patterns expanded) -> sha256, for every candidate that is a file."""
    root = Path(directory)
    found: dict[str, str] = {}
    for candidate in candidates:
        for path in _matches(root, candidate):
            if len(found) >= FILES_MAX:
                raise SiteError(
                    f"more than {FILES_MAX} files belong to one release",
                    remedy="narrow the patterns under `files`",
                )
            found[str(path.relative_to(root) if path.is_relative_to(root) else path)] = _digest(
                path
            )
    return found


def _matches(root: Path, candidate: str) -> list[Path]:
    if any(sign in candidate for sign in "*?["):
        if Path(candidate).is_absolute():
            return []
        return sorted(p for p in root.glob(candidate) if p.is_file())
    path = root / candidate
    try:
        return [path] if path.is_file() else []
    except (OSError, ValueError):  # a word of a command that cannot be a path
        return []


def _digest(path: Path) -> str:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise SiteError(
                f"{path} is larger than {FILE_BYTES_MAX >> 30} GiB",
                remedy="keep large data out of the release and read it at start",
            )
        hasher = sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                hasher.update(chunk)
    except OSError as error:
        raise SiteError(
            f"{path} belongs to the release and cannot be read: {error.strerror}",
            remedy="make it readable for the user who runs headwayd",
        ) from error
    return hasher.hexdigest()
