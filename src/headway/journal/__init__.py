"""REMEMBER: what happened, what is wanted, and by whom; written before anything is touched.

Decides how nouns become rows (`rows.py`) and what may still be done when nothing can be written
(`full.py`). Never decides what should run. Start with `full.py`, then `io/sqlite.py`.
"""
