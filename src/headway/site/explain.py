"""`headway explain HW012`: what a problem means, with an example that has it and one that has not.

Light to import: the command line shows an explanation without reading any description.
"""

from headway.site.explain_relations import RELATIONS
from headway.site.explain_text import TEXT
from headway.site.explain_traffic import TRAFFIC
from headway.site.explain_values import VALUES
from headway.site.explanation import Explanation

EXPLANATIONS = {e.code: e for e in (*TEXT, *VALUES, *RELATIONS, *TRAFFIC)}

EXAMPLE_LINES_MAX = 12


def explain(code: str) -> Explanation | None:
    """The explanation of a code, however it is typed: `HW012`, `hw12`, `12`."""
    digits = code.strip().upper().removeprefix("HW")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 6):
        return None
    return EXPLANATIONS.get(f"HW{int(digits):03}")


def render(explanation: Explanation) -> str:
    """As a person is shown it."""
    return (
        f"{explanation.code}: {explanation.title}\n\n"
        f"{_wrapped(explanation.meaning)}\n\n"
        f"Wrong:\n\n{_indented(explanation.wrong)}\n"
        f"Right:\n\n{_indented(explanation.right)}"
    )


def _indented(text: str) -> str:
    lines = text.splitlines()
    shown = lines[:EXAMPLE_LINES_MAX] + (["…"] if len(lines) > EXAMPLE_LINES_MAX else [])
    return "".join(f"    {line}\n" for line in shown)


def _wrapped(text: str, width: int = 78) -> str:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{word}"
    return "\n".join(lines)
