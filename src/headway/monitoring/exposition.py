"""Read what a target tells at `/metrics`: Prometheus's text format and OpenMetrics.

A target says the same names again and again, so everything before a line's value is looked up as
one string and its labels are taken apart only once. Lines that carry more than a value (a
timestamp, an exemplar) are read the careful way. Timestamps are not believed: the time of a sample
is the time at which it was fetched. Whatever breaks the format refuses the whole text, with its
line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from headway.monitoring.series import NAME, STALE, Floats, Labels

TEXT_CHARS_MAX = 16 << 20
LINE_CHARS_MAX = 64 << 10
LABELS_MAX = 64
LABEL_CHARS_MAX = 4096
HELP_CHARS_MAX = 1024

METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|(?i:inf(inity)?|nan))")
ESCAPED = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


class ExpositionError(ValueError):
    """The text breaks the format; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line


@dataclass(slots=True)
class Metadata:
    kind: str = "unknown"  # counter, gauge, histogram, summary, …
    help: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    values: Floats  # one per known series of the target; STALE where it was not told
    told: int  # how many were
    added: Sequence[Labels]  # series that had never been told before, in the order of their columns
    refused: int  # series beyond the limit: not kept, only counted


@dataclass(slots=True)
class Exposition:
    """One target's text, fetched again and again. Column `i` is always the series `labels[i]`."""

    series_max: int
    labels: list[Labels] = field(default_factory=list)
    metadata: dict[str, Metadata] = field(default_factory=dict)
    _columns: dict[str, int] = field(default_factory=dict)  # all before the value -> column
    _careful: bool = False  # this target says more than values

    def read(self, text: str) -> Reading:
        if len(text) > TEXT_CHARS_MAX:
            raise ExpositionError(1, f"the text has more than {TEXT_CHARS_MAX >> 20} MiB")
        before = len(self.labels)
        samples, refused = self._careful_samples(text) if self._careful else self._samples(text)
        values = np.full(len(self.labels), STALE)
        if samples:
            values[list(samples)] = list(samples.values())
        return Reading(values, len(samples), self.labels[before:], refused)

    def _samples(self, text: str) -> tuple[dict[int, float], int]:
        """The quick way; at the first line that is not plain, all over again the careful way."""
        columns = self._columns
        samples: dict[int, float] = {}
        refused = 0
        for number, line in enumerate(text.split("\n"), 1):
            if not line:
                continue
            if line[0] == "#":
                self._comment(number, line)
                continue
            told, _, value = line.rpartition(" ")
            column = columns.get(told)
            if column is None:
                parsed = _sample(number, line)
                if parsed.more:
                    self._careful = True
                    return self._careful_samples(text)
                column = self._column(told, parsed.labels)
                if column is None:
                    refused += 1
                    continue
            try:
                samples[column] = float(value)
            except ValueError:
                raise ExpositionError(number, f"{value[:40]!r} is no number") from None
        return samples, refused

    def _careful_samples(self, text: str) -> tuple[dict[int, float], int]:
        samples: dict[int, float] = {}
        refused = 0
        for number, line in enumerate(text.split("\n"), 1):
            if not line.strip():
                continue
            if line[0] == "#":
                self._comment(number, line)
                continue
            parsed = _sample(number, line)
            column = self._column(parsed.told, parsed.labels)
            if column is None:
                refused += 1
            else:
                samples[column] = parsed.value
        return samples, refused

    def _column(self, told: str, labels: Labels) -> int | None:
        """None beyond the limit: the newest are refused, what is known goes on."""
        known = self._columns.get(told)
        if known is not None:
            return known
        if len(self.labels) >= self.series_max:
            return None
        self._columns[told] = len(self.labels)
        self.labels.append(labels)
        return len(self.labels) - 1

    def _comment(self, number: int, line: str) -> None:
        """`# TYPE name kind`, `# HELP name text`, `# UNIT name unit`; all others say nothing."""
        parts = line.split(" ", 3)
        if len(parts) < 4 or parts[0] != "#" or parts[1] not in ("TYPE", "HELP", "UNIT"):
            return
        _, what, name, text = parts
        if len(line) > LINE_CHARS_MAX or not METRIC.fullmatch(name):
            raise ExpositionError(number, f"{name[:40]!r} is no name of a metric")
        known = self.metadata.get(name)
        if known is None:
            if len(self.metadata) >= self.series_max:
                return
            known = self.metadata[name] = Metadata()
        match what:
            case "TYPE":
                known.kind = text.strip()[:40]
            case "HELP":
                known.help = text[:HELP_CHARS_MAX]
            case _:
                known.unit = text.strip()[:40]


@dataclass(frozen=True, slots=True)
class Sample:
    told: str  # name and labels as they were written
    labels: Labels
    value: float
    more: bool  # a timestamp or an exemplar followed


def _sample(number: int, line: str) -> Sample:
    """`name{label="value",…} value [timestamp] [# exemplar]`"""
    if len(line) > LINE_CHARS_MAX:
        raise ExpositionError(number, f"a line may have {LINE_CHARS_MAX} characters")
    name = METRIC.match(line)
    if name is None:
        raise ExpositionError(number, f"expected the name of a metric, found {line[:40]!r}")
    labels = {NAME: name.group()}
    at = name.end()
    if line[at : at + 1] == "{":
        at = _labels(number, line, at + 1, labels)
    told, rest = line[:at], line[at:].partition("#")[0].split()
    if not 1 <= len(rest) <= 2 or not NUMBER.fullmatch(rest[0]):
        raise ExpositionError(number, f"expected a number after {told[:60]!r}")
    more = len(rest) == 2 or "#" in line[at:] or not line.endswith(f" {rest[0]}")
    return Sample(told, labels, float(rest[0]), more or told != line.rpartition(" ")[0])


def _labels(number: int, line: str, at: int, labels: dict[str, str]) -> int:
    """Fill in what stands between the braces; the place behind them."""
    while True:
        at = _skip_blanks(line, at)
        if line[at : at + 1] == "}":
            return at + 1
        name = LABEL.match(line, at)
        if name is None:
            raise ExpositionError(number, f"expected a label, found {line[at : at + 20]!r}")
        at = _skip_blanks(line, name.end())
        if line[at : at + 1] != "=":
            raise ExpositionError(number, f"expected `=` after the label {name.group()!r}")
        at = _skip_blanks(line, at + 1)
        value, at = _quoted(number, line, at)
        if name.group() in labels:
            raise ExpositionError(number, f"the label {name.group()!r} is given twice")
        if len(labels) > LABELS_MAX:
            raise ExpositionError(number, f"a series may have {LABELS_MAX} labels")
        if value:  # an empty label is no label
            labels[name.group()] = value
        at = _skip_blanks(line, at)
        if line[at : at + 1] == ",":
            at += 1
        elif line[at : at + 1] != "}":
            raise ExpositionError(number, "expected `,` or `}` after a label's value")


def _quoted(number: int, line: str, at: int) -> tuple[str, int]:
    if line[at : at + 1] != '"':
        raise ExpositionError(number, "a label's value stands in double quotes")
    end = at + 1
    while line[end : end + 1] not in ('"', ""):
        end += 2 if line[end] == "\\" else 1
    if end >= len(line):
        raise ExpositionError(number, "a label's value is not closed")
    text = line[at + 1 : end]
    if len(text) > LABEL_CHARS_MAX:
        raise ExpositionError(number, f"a label's value may have {LABEL_CHARS_MAX} characters")
    if "\\" in text:
        text = ESCAPED.sub(lambda m: ESCAPES.get(m.group(1), m.group()), text)
    return text, end + 1


def _skip_blanks(line: str, at: int) -> int:
    while line[at : at + 1] in (" ", "\t"):
        at += 1
    return at
