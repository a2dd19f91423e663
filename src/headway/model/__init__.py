"""The nouns every part of Headway shares: frozen values, no behaviour beyond invariants.

Start with `site.py` (what a person described), then `desired.py` (what should be true now),
`observed.py` (what was seen) and `plan.py` (what we may do about the difference).
"""
