"""Who acts, and in which role."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"  # sees everything, changes nothing
    OPERATOR = "operator"  # acts on what runs: scale, restart, drain
    ADMIN = "admin"  # changes the description, brings environments up and down


@dataclass(frozen=True, slots=True)
class Actor:
    name: str  # "root", "token:ci", "headway"
    role: Role


HEADWAY = Actor("headway", Role.ADMIN)  # the loop itself
