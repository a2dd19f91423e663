"""How long the turns of a loop took, as counts below some lengths: a histogram that only grows."""

from dataclasses import dataclass, field

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


@dataclass(slots=True)
class TurnTimes:
    turns: int = 0
    sum_s: float = 0.0
    within: list[int] = field(default_factory=lambda: [0] * len(BOUNDS_S))

    def add(self, length_s: float) -> None:
        self.turns += 1
        self.sum_s += length_s
        for index, bound_s in enumerate(BOUNDS_S):
            self.within[index] += length_s <= bound_s
