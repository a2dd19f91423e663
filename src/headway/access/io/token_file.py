"""The tokens of one home, in one small file: hashes only, mode 0600, replaced as a whole.

Not in the journal, because a backup of the journal that is put back would bring revoked tokens
back with it.
"""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from headway.access.token import TOKENS_MAX, Token
from headway.model.actor import Role, Scope
from headway.model.errors import HeadwayError

FORMAT = 1
FILE_BYTES_MAX = 4 * 1024 * TOKENS_MAX


class TokenFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[Token, ...]:
        """Those that were saved last; none when there is no file."""
        try:
            with self._path.open("rb") as file:
                return _parsed(file.read(FILE_BYTES_MAX))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise HeadwayError(
                f"the tokens in {self._path} cannot be read: {error or type(error).__name__}",
                remedy="no token counts until the file is repaired or moved away",
            ) from None

    def save(self, tokens: Sequence[Token]) -> None:
        """All of them or, when this fails, those of before; also when the power goes."""
        body = {"format": FORMAT, "tokens": [_to_json(token) for token in tokens]}
        unborn = self._path.with_name(f".{self._path.name}.new")
        try:
            unborn.unlink(missing_ok=True)
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
            with os.fdopen(os.open(unborn, flags, 0o600), "w") as file:
                json.dump(body, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            unborn.rename(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise HeadwayError(
                f"the tokens cannot be written to {self._path}: {error.strerror}",
                remedy="make room on its file system; nothing was changed",
            ) from error


def _parsed(raw: bytes) -> tuple[Token, ...]:
    read = json.loads(raw)
    if read["format"] != FORMAT:
        raise ValueError(f"its format is {read['format']}, not {FORMAT}")
    return tuple(_from_json(row) for row in read["tokens"])


def _to_json(token: Token) -> dict[str, Any]:
    scope, last = token.scope, token.last_used_at
    return {
        "name": token.name,
        "role": token.role,
        "places": None if scope.places is None else sorted(scope.places),
        "verbs": None if scope.verbs is None else sorted(scope.verbs),
        "expires_at": scope.until.isoformat() if scope.until else None,
        "digest": token.digest,
        "made_by": token.made_by,
        "made_at": token.made_at.isoformat(),
        "last_used_at": last.isoformat() if last else None,
    }


def _from_json(row: dict[str, Any]) -> Token:
    places, verbs, last = row["places"], row["verbs"], row["last_used_at"]
    return Token(
        name=str(row["name"]),
        role=Role(row["role"]),
        scope=Scope(
            places=None if places is None else frozenset(map(str, places)),
            verbs=None if verbs is None else frozenset(map(str, verbs)),
            until=datetime.fromisoformat(row["expires_at"]),
        ),
        digest=str(row["digest"]),
        made_by=str(row["made_by"]),
        made_at=datetime.fromisoformat(row["made_at"]),
        last_used_at=datetime.fromisoformat(last) if last else None,
    )
