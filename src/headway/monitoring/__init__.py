"""See everything, ask it anything: samples, their text formats, and PromQL over them.

Decides what samples mean; never fetches, stores or sends them (`io/` does). Start with `series.py`,
then `promql/evaluate.py`.
"""
