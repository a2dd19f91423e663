"""Refuse at once, with a 429, what a service has not agreed to answer per second.

The limit of a service is its rate per replica, times the replicas that are wanted. It belongs to
the route table, which all listeners share: so every arrow and the entry of one callee draw from one
bucket, over all of Envoy's workers. Each change of the table (a service is scaled, a deadline is
changed) makes the buckets new and full.

Tokens come back continuously. A bucket holds `BURST_S` of its rate: that much may come at the same
moment, so over any second at most 1 + BURST_S of the rate is let through.

Health checks take no route, so they are never limited. Nor is TCP, where nobody knows what a
request is.
"""

import math
from collections.abc import Mapping
from typing import Any

from headway.traffic.resources import SET, extension, seconds, typed

RATE = "envoy.filters.http.local_ratelimit"
RATE_TYPE = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
STAT_PREFIX = "refused"  # refused.http_local_rate_limit.rate_limited counts them, over all services
BURST_S = 0.2
FILL_S = 0.05  # the shortest that Envoy takes; each bucket's own must be a multiple
RETRY_AFTER_S = 1
TOKENS_EXACT = 200  # per filling, so that rounding changes the rate by a quarter of a percent
TOKENS_MAX = 2**32 - 1
ALWAYS = {"numerator": 100, "denominator": "HUNDRED"}


def rate_filter() -> dict[str, Any]:
    """Limits nothing by itself: the buckets are in the route table."""
    return extension(RATE, RATE_TYPE, stat_prefix=STAT_PREFIX)


def rate_limits(rates: Mapping[str, float]) -> dict[str, Any]:
    """`typed_per_filter_config` of the route table; `rates` are requests per second by cluster."""
    if not rates:
        return {}
    after = {"key": "retry-after", "value": str(RETRY_AFTER_S)}
    limits = typed(
        RATE_TYPE,
        stat_prefix=STAT_PREFIX,
        filter_enabled={"runtime_key": "headway.rate_enabled", "default_value": ALWAYS},
        filter_enforced={"runtime_key": "headway.rate_enforced", "default_value": ALWAYS},
        # For routes that lead to services without a limit; Envoy demands one.
        token_bucket=_bucket(TOKENS_MAX, TOKENS_MAX, FILL_S),
        always_consume_default_token_bucket=False,
        rate_limits=[{"actions": [{"destination_cluster": {}}]}],
        descriptors=[_descriptor(name, rates[name]) for name in sorted(rates)],
        response_headers_to_add=[{"header": after, "append_action": SET}],
        rate_limited_as_resource_exhausted=True,  # what gRPC calls it
    )
    return {RATE: limits}


def _descriptor(cluster_name: str, rate_per_s: float) -> dict[str, Any]:
    """Tokens are whole, and so is the number of intervals: many of both make them exact."""
    fills = max(1, math.ceil(TOKENS_EXACT / (rate_per_s * FILL_S)))
    tokens = round(rate_per_s * fills * FILL_S)
    burst = max(1, math.ceil(rate_per_s * BURST_S))
    return {
        "entries": [{"key": "destination_cluster", "value": cluster_name}],
        "token_bucket": _bucket(burst, tokens, fills * FILL_S),
    }


def _bucket(tokens_max: int, tokens: int, every_s: float) -> dict[str, Any]:
    return {
        "max_tokens": min(tokens_max, TOKENS_MAX),
        "tokens_per_fill": min(tokens, TOKENS_MAX),
        "fill_interval": seconds(every_s),
    }
