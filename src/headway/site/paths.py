"""Readers of paths: in a URL, in the site's folder, on this machine."""

import re

from headway.site.problem import quoted
from headway.site.refused import Refused
from headway.site.tree import Data
from headway.site.values import read_words

PATH_LENGTH_MAX = 1_000

_URL_PATH = re.compile(r"/[!-\"$-~]*")  # printable ASCII without blanks and `#`


def read_url_path(value: Data) -> str:
    path = read_words(value)
    if not _URL_PATH.fullmatch(path) or len(path) > PATH_LENGTH_MAX:
        message = f"{quoted(path)} is not a path of a URL"
        raise Refused("HW032", message, "it begins with `/` and has no blanks: `/healthz`")
    return path


def read_file_path(value: Data) -> str:
    """A file whose content belongs to the release: inside the site's folder, so that it travels."""
    path = read_any_path(value)
    if path.startswith(("/", "~")) or ".." in path.split("/"):
        message = f"{quoted(path)} is outside of the site's folder"
        raise Refused("HW032", message, "name files below the folder of this description")
    return path


def read_any_path(value: Data) -> str:
    path = read_words(value)
    if "\n" in path or len(path) > PATH_LENGTH_MAX:
        raise Refused("HW032", f"{quoted(path)} is not a path", "write one path on one line")
    return path
