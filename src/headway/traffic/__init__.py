"""Traffic: carry every request to a replica that wants it, through the real Envoy.

Decides what Envoy's whole configuration is (`snapshot`), from what should be true and which
replicas may receive traffic. Never decides *which* replicas those are, starts none and ends none.
Start at `snapshot.py`; `io/files.py` makes it so, `io/envoy.py` runs the proxy itself.
"""
