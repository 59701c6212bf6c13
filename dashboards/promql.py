"""PromQL that many panels share. What it gives is never NaN: nothing handled is no failures, not 0 / 0."""

from typing import Final

WINDOW: Final = "$__rate_interval"
QUANTILES: Final = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))


def or_zero(expression: str) -> str:
    """0, not nothing, of what has not happened yet."""
    return f"{expression} or vector(0)"


def rate(counter: str, by: str, *matchers: str, window: str = WINDOW) -> str:
    """A counter's growth per second, summed by labels; by none where `by` is empty."""
    return f"sum by ({by}) (rate({counter}{{{', '.join(matchers)}}}[{window}]))"


def increase(counter: str, by: str, *matchers: str) -> str:
    """A counter's growth since the last point of a chart, summed by labels."""
    return f"sum by ({by}) (increase({counter}{{{', '.join(matchers)}}}[{WINDOW}]))"


def share(part: str, whole: str) -> str:
    """Part by whole; 0 where there is a whole and no part of it, or the whole is 0."""
    return f"(({part}) / (({whole}) > 0)) or 0 * ({whole})"


def quantile(level: float, buckets: str) -> str:
    """The value that this share of a histogram's observations keeps; nothing where nothing was observed."""
    return f"histogram_quantile({level}, {buckets}) >= 0"


def by_route(expression: str) -> str:
    """The expression, with the route "none" for what no route took: HTTP's conventions leave it out."""
    return f'label_replace({expression}, "http_route", "none", "http_route", "")'
