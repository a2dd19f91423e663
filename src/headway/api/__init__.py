"""The one API: everything the CLI and the console can do goes through it.

Start with `control.py` (what it asks of the daemon), then `app.py` (how the parts meet).
It never decides anything: it checks who asks and what is asked, and hands it on.
"""
