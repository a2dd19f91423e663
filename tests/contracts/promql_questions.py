"""Several hundred questions in PromQL, made from forms and what fills them."""

from collections.abc import Iterator
from itertools import product

from tests.contracts.promql_world import BEGIN_MS, Question

METRICS = ("requests_total", "load", "odd", "latency_seconds_bucket", "temperature_celsius")
RANGES = ("1m", "5m", "47m", "2h")
MIDDLE_MS = BEGIN_MS + 2 * 3600 * 1000 + 1_777  # on no sample, and on no grid of a subquery
BY = ("", " by(job)", " by(code, job)", " by(nothing)", " without(instance)", " without()")

COUNTED = ("rate", "increase", "irate", "delta", "idelta")
OVER_TIME = (
    *("sum", "avg", "min", "max", "count", "last", "present", "stddev", "stdvar"),
    "absent",
)
MATHS = (
    *("abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "sgn", "round"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh"),
    *("atanh", "deg", "rad"),
)
DATES = ("minute", "hour", "month", "year", "day_of_month", "day_of_week", "day_of_year")
COMPARED = ("==", "!=", "<", ">", "<=", ">=")
COUNTED_WITH = ("+", "-", "*", "/", "%", "^")


def questions() -> Iterator[Question]:
    """Each at one time, and most of them over a range of times as well."""
    for text in texts():
        yield Question(text, MIDDLE_MS, MIDDLE_MS, 0)
        if not text.endswith("]"):
            yield Question(text, MIDDLE_MS - 3_600_000, MIDDLE_MS + 3_600_000, 61_000)


def texts() -> Iterator[str]:
    yield from _selections()
    yield from _windows()
    yield from _aggregations()
    yield from _operators()
    yield from _functions()
    yield from _histograms()
    yield from _subqueries()
    yield from _refused()


def _selections() -> Iterator[str]:
    yield from METRICS
    yield 'requests_total{code="200"}'
    yield 'requests_total{code!="200",path=~"/.+"}'
    yield 'requests_total{code=~"2..|5.."}'
    yield 'requests_total{code!~"2.*"}'
    yield 'requests_total{missing=""}'
    yield 'requests_total{missing!=""}'
    yield '{__name__=~"load|constant"}'
    yield '{__name__="load",zone="a"}'
    yield '{job="db",__name__!~"latency.*"}'
    yield 'requests_total{code=~"((?i)2)00"}'
    for change in ("offset 5m", "offset -3m", "@ 1700000000", "@ start()", "@ end() offset 1m"):
        yield f"load {change}"
        yield f"rate(requests_total[5m] {change})"
    yield "nothing_of_that_name"
    yield "load[3m]"
    yield "odd[2m] offset 10m"
    yield "42"
    yield "-1.5e3"
    yield "Inf"
    yield "NaN"
    yield "0x1f"
    yield '"text"'
    yield "-load"
    yield "+load"
    yield "--load"


def _windows() -> Iterator[str]:
    for name, span in product(COUNTED, RANGES):
        yield f"{name}(requests_total[{span}])"
    for name in COUNTED:
        yield f"{name}(odd[5m])"
        yield f"{name}(temperature_celsius[10m])"
    for name, metric in product(OVER_TIME, ("load", "odd", "constant")):
        yield f"{name}_over_time({metric}[5m])"
    for name in OVER_TIME:
        yield f"{name}_over_time(temperature_celsius[90m])"
    for share in ("0.5", "0", "1", "0.99", "-1", "2"):
        yield f"quantile_over_time({share}, load[10m])"
    yield "quantile_over_time(0.9, odd[5m])"
    for name, metric in product(("changes", "resets", "deriv"), ("requests_total", "odd", "load")):
        yield f"{name}({metric}[20m])"
    for ahead in ("3600", "-600", "0"):
        yield f"predict_linear(load[30m], {ahead})"
    yield "predict_linear(constant[10m], 60)"
    yield "deriv(constant[10m])"


def _aggregations() -> Iterator[str]:
    for name, by in product(("sum", "avg", "min", "max", "count", "group"), BY):
        yield f"{name}{by}(requests_total)"
    for name, metric in product(("sum", "avg", "min", "max", "count", "stddev"), ("odd", "load")):
        yield f"{name} by(job)({metric})"
    for name, by in product(("stddev", "stdvar"), BY):
        yield f"{name}{by}(load)"
    for count, by in product((1, 3, 100, 0), BY[:3]):
        yield f"topk{by}({count}, requests_total)"
        yield f"bottomk{by}({count}, load)"
    for share, by in product(("0", "0.25", "0.9", "1", "-0.1", "1.1"), BY[:2]):
        yield f"quantile{by}({share}, load)"
    yield "quantile(0.5, odd)"
    yield 'count_values("v", constant)'
    yield 'count_values by(job)("v", round(load))'
    yield 'count_values("job", build_info)'
    yield "topk(2, odd)"
    yield "bottomk(2, odd)"
    yield "sum(sum by(job)(rate(requests_total[5m])))"
    yield "topk(scalar(count(build_info)), load)"


def _operators() -> Iterator[str]:
    for operator in COUNTED_WITH:
        yield f"load {operator} 2"
        yield f"2 {operator} load"
        yield f"3 {operator} 2"
        yield f"load {operator} load"
        yield f"odd {operator} on(instance) temperature_celsius"
        yield f"load {operator} ignoring(zone) group_left temperature_celsius"
        yield f"temperature_celsius {operator} on(instance) group_right load"
    yield "load atan2 2"
    yield "4 atan2 3"
    for operator in COMPARED:
        yield f"load {operator} 10"
        yield f"10 {operator} load"
        yield f"load {operator} bool 10"
        yield f"1 {operator} bool 2"
        yield f'load{{zone="a"}} {operator} ignoring(zone) load{{zone="b"}}'
        yield f'load{{zone="a"}} {operator} bool on(instance) load{{zone="b"}}'
        yield f"odd {operator} odd"
    for operator in ("and", "or", "unless"):
        yield f"load {operator} (load > 10)"
        yield f"load {operator} on(job) temperature_celsius"
        yield f'load {operator} ignoring(zone) constant{{job="db"}}'
        yield f"requests_total {operator} on() vector(1)"
    yield "load * on(instance) group_left(version) build_info"
    yield "sum by(version)(load * on(instance) group_left(version) build_info)"
    yield 'build_info * on(instance) group_right(version) load{zone="a"}'
    yield "2 ^ 3 ^ 2"
    yield "-2 ^ 2"
    yield "1 + 2 * 3 / 4 % 5"
    yield "1 / 0"
    yield "0 / 0"
    yield "load > 5 < 15"
    yield "load or odd or constant"


def _functions() -> Iterator[str]:
    for name, metric in product(MATHS, ("load", "odd")):
        yield f"{name}({metric})"
    for name in (*DATES, "days_in_month"):
        yield f"{name}()"
        yield f"{name}(timestamp(load) - 86400 * 45)"
    yield "clamp(load, 5, 10)"
    yield "clamp(load, 10, 5)"
    yield "clamp_min(odd, 0)"
    yield "clamp_max(odd, 0)"
    yield "clamp(load, NaN, 10)"
    yield "round(load, 0.5)"
    yield "round(temperature_celsius, 5)"
    yield "timestamp(load)"
    yield "timestamp(load offset 5m)"
    yield "timestamp(-load)"
    yield "time()"
    yield "pi()"
    yield "vector(time())"
    yield "scalar(temperature_celsius)"
    yield 'scalar(temperature_celsius{instance="host-0:80"})'
    yield "absent(nothing)"
    yield 'absent(nothing{a="b",c!="d",e=~"f"})'
    yield 'absent(nothing{a="b",a="c",d="e"})'
    yield "absent(load)"
    yield 'absent_over_time(nothing{job="x"}[5m])'
    yield "absent(sum(nothing))"
    yield 'label_replace(load, "host", "$1", "instance", "(.*):.*")'
    yield 'label_replace(load, "host", "${1}x$2", "instance", "(.*):(.*)")'
    yield 'label_replace(load, "zone", "", "instance", ".*")'
    yield 'label_replace(load, "n", "$name", "instance", "(?P<name>host).*")'
    yield 'label_replace(load, "x", "y", "instance", "no match")'
    yield 'label_join(load, "both", "-", "job", "zone")'
    yield 'label_join(load, "both", ",")'
    yield "sort(load)"
    yield "sort_desc(load)"


def _histograms() -> Iterator[str]:
    for share in ("0.5", "0.9", "0.99", "0", "1", "-1", "2", "NaN"):
        yield f"histogram_quantile({share}, latency_seconds_bucket)"
        yield f"histogram_quantile({share}, sum by(le)(rate(latency_seconds_bucket[10m])))"
    yield "histogram_quantile(0.9, sum by(le, job)(rate(latency_seconds_bucket[30m])))"
    yield "histogram_quantile(0.9, load)"
    yield "rate(latency_seconds_sum[5m]) / rate(latency_seconds_count[5m])"


def _subqueries() -> Iterator[str]:
    for name in ("max", "avg", "sum", "count", "last"):
        yield f"{name}_over_time(rate(requests_total[5m])[30m:1m])"
        yield f"{name}_over_time(load[20m:])"
    yield "max_over_time((sum(load))[1h:7m])"
    yield "rate(requests_total[10m:30s])"
    yield "min_over_time(load[10m:1m] offset 5m)"
    yield "quantile_over_time(0.5, (load > 5)[30m:2m])"
    yield "max_over_time(rate(requests_total[5m:15s])[30m:5m] @ end())"
    yield "deriv(avg(load)[30m:1m])"
    yield "sum_over_time(vector(1)[10m:1m])"
    yield "max_over_time(time()[10m:1m])"


def _refused() -> Iterator[str]:
    yield "load + on(job) temperature_celsius"
    yield "load * on(job) group_left temperature_celsius"
    yield "load + on(instance) temperature_celsius"
    yield 'label_replace(load, "instance", "same", "instance", ".*")'
    yield 'label_replace(load, "x", "y", "instance", "(")'
    yield 'rate({__name__=~"requests_total|load"}[5m])'
    yield '-{__name__=~"load|constant|odd"}'
    yield "sum("
    yield "rate(load)"
    yield 'load{x=~"("}'
    yield '{x=""}'
    yield "{}"
    yield 'load{__name__="other"}'
    yield "topk(NaN, load)"
    yield "load[5m] + 1"
