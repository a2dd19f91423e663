"""Matchers as one predicate over labels. Regular expressions run in RE2: linear time, no traps."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import re2

from headway.monitoring.series import Labels, Matcher, MatchOp

PATTERN_CHARS_MAX = 4096
COMPILED_BYTES_MAX = 8 << 20
PATTERNS_KEPT = 512


class PatternError(ValueError):
    """A regular expression that RE2 does not take; the message is its reason."""


def predicate(matchers: Sequence[Matcher]) -> Callable[[Labels], bool]:
    tests = [(m.label, _test(m)) for m in matchers]
    return lambda labels: all(test(labels.get(label, "")) for label, test in tests)


def compiled(pattern: str) -> Any:
    """Anchored on both sides and `.` also matches a newline, as Prometheus has it."""
    if len(pattern) > PATTERN_CHARS_MAX:
        raise PatternError(f"a pattern may have {PATTERN_CHARS_MAX} characters")
    return _compiled(pattern)


def _test(matcher: Matcher) -> Callable[[str], bool]:
    wanted = matcher.value
    match matcher.op:
        case MatchOp.EQUAL:
            return lambda value: value == wanted
        case MatchOp.NOT_EQUAL:
            return lambda value: value != wanted
        case MatchOp.MATCHES:
            fits = compiled(wanted).fullmatch
            return lambda value: fits(value) is not None
        case MatchOp.MATCHES_NOT:
            fits = compiled(wanted).fullmatch
            return lambda value: fits(value) is None


@lru_cache(maxsize=PATTERNS_KEPT)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = COMPILED_BYTES_MAX
    options.log_errors = False
    options.dot_nl = True
    try:
        return re2.compile(pattern, options=options)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise PatternError(text) from error
