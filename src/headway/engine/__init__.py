"""APPLY and SEE processes.

Decides what a process's facts mean: starting, ready, unready, failed, when to try again
(`supervise.py`). Never decides how many there should be or where they run: that is `planning`.
Effects are in `io/`: the keeper (parent of every process), the local engine and the prober.
Start with `supervise.py`.
"""
