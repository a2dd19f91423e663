"""Limits on what a description may hold. Far above any real site, far below any harm."""

TEXT_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 50
NODES_MAX = 50_000
ALIASED_NODES_MAX = 10_000  # what all aliases together may stand for
SERVICES_MAX = 500
ENVIRONMENTS_MAX = 20
CHANGES_MAX = 5_000  # what the overrides of one environment may change
REPLICAS_MAX = 1_000
HOSTS_MAX = 100
SLOW_START_S_MAX = 600.0
PROBLEMS_MAX = 1_000
