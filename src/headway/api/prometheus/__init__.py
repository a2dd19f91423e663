"""Prometheus' HTTP API over what the monitor keeps: Grafana, promtool and vmalert take it for one.

Never writes anything. Start with `app.py`; `asked.py` reads what is wanted, `queries.py` works it
out within limits, `answers.py` writes it down.
"""
