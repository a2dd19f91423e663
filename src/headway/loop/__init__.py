"""The spine: observe -> decide -> plan -> record -> apply, and again.

The only place where domains meet. Start with `turn.py`; `ports.py` says what the loop needs from
the world; `decide.py` calls each decider in a fixed order.
"""
