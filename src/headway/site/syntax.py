"""What the YAML parser complains about, in the words of someone who has to mend it."""

import yaml

from headway.site.problem import Problem, printable

_ADVICE = (
    (
        "mapping values are not allowed",
        "a value that holds `: ` needs quotes; or the line above is indented wrongly",
    ),
    ("could not find expected ':'", "a key needs `: ` and a value"),
    ("expected <block end>", "the indentation differs from the lines above; use two spaces"),
    ("did not find expected key", "the indentation differs from the lines above; use two spaces"),
    ("did not find expected '-' indicator", "the items of a list begin in the same column"),
    ("unknown escape character", "in double quotes write `\\\\` for one backslash"),
    ("alias", 'a text that begins with `*` needs quotes: `"*.replicas": 1`'),
    ("anchor", "a text that begins with `&` needs quotes"),
    ("tag", "a text that begins with `!` needs quotes"),
)
_UNCLOSED = (
    ("unexpected end of stream", "quote"),
    ("did not find expected ',' or", "bracket"),
)
_DEFAULT_ADVICE = "a value with special characters needs quotes"


def syntax_problem(error: yaml.YAMLError, text: str) -> Problem:
    """Where reading had to stop, and the likeliest remedy."""
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML")
    lines = text.splitlines() or [""]
    opened = getattr(error, "context_mark", None)
    unclosed = next((what for said, what in _UNCLOSED if said in reason), "")
    # Where the file ends says nothing; where the quote begins does.
    mark = opened if unclosed and opened else getattr(error, "problem_mark", None) or opened
    line = min(mark.line, len(lines) - 1) if mark is not None else 0
    source = lines[line]
    column = min(mark.column, len(source)) if mark is not None else 0
    if unclosed:
        return Problem("HW002", line + 1, column + 1, 1, *_closing(unclosed))
    tab = source.find("\t", 0, column + 1)
    if tab >= 0 and not source[:tab].strip():
        message = "a tab in the indentation"
        return Problem("HW003", line + 1, tab + 1, 1, message, "YAML wants spaces; use two a level")
    advice = next((a for said, a in _ADVICE if said in reason), _DEFAULT_ADVICE)
    if source[column : column + 1] in set("@`%"):
        advice = f"a text that begins with {source[column]} needs quotes"
    return Problem("HW002", line + 1, column + 1, 1, f"not YAML: {printable(reason)}", advice)


def _closing(what: str) -> tuple[str, str]:
    if what == "quote":
        return (
            "this quote is never closed",
            "close it, or put the text into the other kind of quote",
        )
    return "this bracket is not closed", "close it, or add the comma that lacks between two items"
