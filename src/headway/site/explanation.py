"""What an explanation of a problem consists of, and short ways to write its examples."""

from dataclasses import dataclass

HEAD = "headway: 1\nsite: search\nentry: {service: frontend, port: 8080}\nservices:\n"


@dataclass(frozen=True, slots=True)
class Explanation:
    code: str
    title: str
    meaning: str  # why it matters, for someone who meets it at night
    wrong: str  # a whole description that has exactly this problem
    right: str  # the same without it
    times: int = 1  # how often `wrong` is repeated to be wrong: limits need much text


def service(*lines: str) -> str:
    """A whole site with one service that has these lines."""
    return with_services("frontend:", *(f"  {line}" for line in lines))


def with_services(*lines: str) -> str:
    """A whole site with these lines below `services:`."""
    return HEAD + "".join(f"  {line}\n" for line in lines)
