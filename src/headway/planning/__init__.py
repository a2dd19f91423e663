"""PLAN: from what is described and overridden to the next safe steps.

Decides what should be true now (`resolve.py`), which step comes next for each service and why not
more (`replicas.py`), on which host (`place.py`), in which order (`order.py`), and what a changed
description would do (`diff.py`). Never acts, never asks the world. Start with `replicas.py`.
"""
