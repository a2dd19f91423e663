"""See everything, ask it anything: samples, their text formats, and PromQL over them.

Decides what is to be watched and what samples mean; never fetches, stores or sends them (`io/`
does). Start with `series.py`; then `targets.py` and `io/scrape.py` for how samples come, and
`promql/evaluate.py` for how they are asked for.
"""
