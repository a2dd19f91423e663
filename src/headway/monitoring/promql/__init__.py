"""PromQL over numpy columns: all points in time of a query are worked out at once.

Start with `evaluate.query`. The text is parsed by `promql-parser`; what each part of the language
means stands in a module of its own. Semantics are those of Prometheus 3 (windows are open on the
left); native histograms and experimental functions are refused, never answered wrongly.
"""
