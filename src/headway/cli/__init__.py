"""The command line: one file per verb, fast to start, everything through the API.

Start with `main.py` (errors and exit codes), then `up.py`. Decides nothing about services: it asks
headwayd and shows the answer.
"""
