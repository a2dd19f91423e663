"""Headway: one description of a distributed web service, and the automation that keeps it true.

Start reading in `headway.model` (the nouns), then `headway.loop.turn` (the one loop).
"""

__version__ = "0.1.0"
