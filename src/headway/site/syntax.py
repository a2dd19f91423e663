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
    ("did not find expected ',' or", "a `{` or `[` before this is not closed, or a comma lacks"),
    ("did not find expected '-' indicator", "the items of a list begin in the same column"),
    ("unexpected end of stream", "a quote is opened and never closed"),
    ("unknown escape character", "in double quotes write `\\\\` for one backslash"),
    ("alias", 'a text that begins with `*` needs quotes: `"*.replicas": 1`'),
    ("anchor", "a text that begins with `&` needs quotes"),
    ("tag", "a text that begins with `!` needs quotes"),
)
_DEFAULT_ADVICE = "a value with special characters needs quotes"


def syntax_problem(error: yaml.YAMLError, text: str) -> Problem:
    """Where reading had to stop, and the likeliest remedy."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML")
    lines = text.splitlines() or [""]
    line = min(mark.line, len(lines) - 1) if mark is not None else 0
    source = lines[line]
    column = min(mark.column, len(source)) if mark is not None else 0
    tab = source.find("\t", 0, column + 1)
    if tab >= 0 and not source[:tab].strip():
        message = "a tab in the indentation"
        return Problem("HW003", line + 1, tab + 1, 1, message, "YAML wants spaces; use two a level")
    advice = next((a for said, a in _ADVICE if said in reason), _DEFAULT_ADVICE)
    if source[column : column + 1] in set("@`%"):
        advice = f"a text that begins with {source[column]} needs quotes"
    return Problem("HW002", line + 1, column + 1, 1, f"not YAML: {printable(reason)}", advice)
