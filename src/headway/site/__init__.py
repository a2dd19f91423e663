"""DESCRIBE: the text of `site.yaml` becomes a `model.Site`, or problems with their places.

Decides what a description means: every default, every environment's overrides, every rule that
can be checked without running anything. Never reads a file (that is `io/read.py`), never starts
or asks anything, and never stops at the first problem. Start with `parse.py`; `reference.yaml`
shows every key; `explain.py` says what each code means.
"""
