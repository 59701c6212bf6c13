"""Which traces are recorded at all (the head, decided by the edge), and which of them are stored (the tail,
decided by the collector when it has seen what became of a request)."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_PARAMETER = re.compile(r"\{\w+(\*?)\}")


@dataclass(frozen=True)
class Shares:
    """head: share of the traces beginning at the edge that are recorded. tail: share of those that is stored
    though nothing in them failed or was slow. slow_milliseconds: of the gateway's answer."""

    head: float = 1.0
    tail: float = 1.0
    slow_milliseconds: int = 1000


@dataclass(frozen=True)
class Sampling:
    """default: of what `routes` (by method and path, as gateway/routes.yaml has them) do not name."""

    default: Shares = Shares()
    routes: Mapping[str, Shares] = field(default_factory=dict)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Sampling:
        """The sampling that a setting `sampling`, which follows the schema, describes."""
        default = {key: value for key, value in content.items() if key != "routes"}
        routes = content.get("routes", {})
        return cls(Shares(**default), {route: Shares(**default | own) for route, own in routes.items()})

    @property
    def heads(self) -> dict[str, Shares]:
        """Shares by the regular expression that finds their requests in `<method> <path>`."""
        return {_pattern(route): shares for route, shares in self.routes.items()}

    @property
    def least_stored(self) -> float:
        """The share of its traces that is stored of the route of which the fewest are."""
        return min(shares.head * shares.tail for shares in (self.default, *self.routes.values()))

    @property
    def stores_all(self) -> bool:
        """Whether everything recorded is stored: the collector then decides nothing and waits for nothing."""
        return all(shares.tail == 1 for shares in (self.default, *self.routes.values()))


def collector(sampling: Sampling) -> dict[str, Any]:
    """The collector's configuration of the tail; empty where everything is stored."""
    if sampling.stores_all:
        return {}
    return {
        "processors": {"tail_sampling": {"policies": list(_policies(sampling))}},
        # The list replaces that of collector.yaml: what is there has to be here, too.
        "service": {"pipelines": {"traces/jaeger": {"processors": ["tail_sampling", "masking"]}}},
    }


def _policies(sampling: Sampling) -> Iterator[dict[str, Any]]:
    """The first that fits decides."""
    yield {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}
    debug = {"key": "nextphase.debug", "value": True}
    yield {"name": "debug", "type": "boolean_attribute", "boolean_attribute": debug}
    yield {"name": "slow", **_spans(_slow(sampling))}
    shares = defaultdict[float, list[str]](list)
    for route, own in sampling.routes.items():
        shares[own.tail].append(_answers(route))
    shares[sampling.default.tail] += _of_no_route(sampling)
    for share, conditions in shares.items():
        parts = [{"name": "requests", **_spans(conditions)}, _share(share)]
        yield {"name": f"share {share:g}", "type": "and", "and": {"and_sub_policy": parts}}
    # A span that comes after a restart of the collector is alone: its trace's id decides as before.
    yield _share(min(shares))


def _slow(sampling: Sampling) -> Iterator[str]:
    for route, own in sampling.routes.items():
        yield f"{_answers(route)} and {_longer(own)}"
    yield f"{_other_answers(sampling)} and {_longer(sampling.default)}"


def _of_no_route(sampling: Sampling) -> list[str]:
    """Conditions of spans with the default share: of other routes, refused by the edge, begun behind it."""
    edge = 'resource.attributes["service.name"] == "edge-nginx"'
    return [
        _other_answers(sampling),
        f'{edge} and span.attributes["http.route"] == nil',
        f"IsRootSpan() and not ({edge})",
    ]


def _other_answers(sampling: Sampling) -> str:
    return " and ".join([_ANSWER, *(f"not ({_is_of(route)})" for route in sampling.routes)])


def _answers(route: str) -> str:
    return f"{_ANSWER} and {_is_of(route)}"


_ANSWER = 'resource.attributes["service.name"] == "gateway" and span.kind == SPAN_KIND_SERVER'


def _is_of(route: str) -> str:
    method, _, path = route.partition(" ")
    of_method = f'span.attributes["http.request.method"] == {json.dumps(method)}'
    return f'{of_method} and span.attributes["http.route"] == {json.dumps(path)}'


def _longer(shares: Shares) -> str:
    return f'span.end_time - span.start_time > Duration("{shares.slow_milliseconds}ms")'


def _spans(conditions: Any) -> dict[str, Any]:
    """The rest of a policy that fits a trace if one of the conditions fits one of its spans."""
    return {
        "type": "ottl_condition",
        "ottl_condition": {"error_mode": "ignore", "span": list(conditions)},
    }


def _share(share: float) -> dict[str, Any]:
    percent = {"sampling_percentage": round(share * 100, 4)}
    return {"name": f"one in a share of {share:g}", "type": "probabilistic", "probabilistic": percent}


def _pattern(route: str) -> str:
    text = ""
    for position, part in enumerate(_PARAMETER.split(route)):
        text += (".*" if part else "[^/]+") if position % 2 else re.escape(part).replace("\\ ", " ")
    return f"^{text}\\z"
