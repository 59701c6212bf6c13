"""The graph of event flow: emitter -> type -> subscription -> sink, and on to the types its service emits.

One graph of what is declared and what was seen; each edge says both, so that what flows without having been
declared stands out, and what was declared and never flows.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from broker.rio.model.pattern import matches
from broker.rio.model.subscription import Subscription
from broker.rio.store.flow_counts import FlowCount

_WILDCARDS: Final = frozenset({"*", "#"})


class Kind(StrEnum):
    """The kind of a node."""

    EMITTER = "emitter"
    TYPE = "type"
    SUBSCRIPTION = "subscription"
    SINK = "sink"


@dataclass(frozen=True, slots=True, order=True)
class Node:
    """A part of the flow; its kind and name are its identity."""

    kind: Kind
    name: str

    @property
    def id(self) -> str:
        return f"{self.kind.value}:{self.name}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A flow of events between two nodes."""

    source: Node
    target: Node
    declared: bool
    seen: int
    """How many events went this way lately; of a sink's owner it is not known, and 0."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Parts and what goes between them."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]

    def from_(self, start: Node) -> "Graph":
        """The part of the graph that can be reached from a node, nearest first."""
        targets: dict[Node, list[Node]] = {}
        for edge in self.edges:
            targets.setdefault(edge.source, []).append(edge.target)
        reached, waiting = {start: None}, deque([start])
        while waiting:
            for target in targets.get(waiting.popleft(), ()):
                if target not in reached:
                    reached[target] = None
                    waiting.append(target)
        return Graph(tuple(reached), tuple(edge for edge in self.edges if edge.source in reached))


class _Edges:
    """Edges under construction: declared and seen come from different places."""

    def __init__(self) -> None:
        self._found: dict[tuple[Node, Node], tuple[bool, int]] = {}

    def add(self, source: Node, target: Node, *, declared: bool = False, seen: int = 0) -> None:
        was, count = self._found.get((source, target), (False, 0))
        self._found[source, target] = (was or declared, count + seen)

    def graph(self, nodes: Iterable[Node]) -> Graph:
        edges = [Edge(*ends, *said) for ends, said in sorted(self._found.items())]
        ends = {end for edge in edges for end in (edge.source, edge.target)}
        return Graph(tuple(sorted(ends | set(nodes))), tuple(edges))


def graph(
    emitters: Mapping[str, Iterable[str]],
    subscriptions: Iterable[Subscription],
    seen: Iterable[FlowCount],
    also: Iterable[str] = (),
) -> Graph:
    """The flow of all events.

    Args:
        emitters: by service, the types (or patterns) it declares to emit.
        subscriptions: who takes what. A subscription's owner is the emitter its sink belongs to.
        seen: what passed lately.
        also: further types to be resolved, known or not.
    """
    flow_counts, takers = list(seen), {one.id: one for one in subscriptions}
    types = _types(emitters, takers.values(), flow_counts, also)
    edges = _Edges()
    for name, patterns in emitters.items():
        for type_ in _resolved(patterns, types):
            edges.add(Node(Kind.EMITTER, name), Node(Kind.TYPE, type_), declared=True)
    for taker in takers.values():
        _take(edges, taker, types)
    for flow_count in flow_counts:
        _see(edges, flow_count, emitters, takers)
    owners = {taker.owner for taker in takers.values()} & {
        edge.source.name for edge in edges.graph(()).edges if edge.source.kind is Kind.EMITTER
    }
    for taker in takers.values():
        if taker.owner in owners:
            edges.add(Node(Kind.SINK, taker.shown_sink), Node(Kind.EMITTER, taker.owner), declared=True)
    return edges.graph([Node(Kind.TYPE, type_) for type_ in types])


def _types(
    emitters: Mapping[str, Iterable[str]],
    takers: Iterable[Subscription],
    flow_counts: Iterable[FlowCount],
    also: Iterable[str],
) -> set[str]:
    """Every type that is said, seen or asked for; a pattern that means none of them stands for itself."""
    said = [pattern for patterns in emitters.values() for pattern in patterns]
    wanted = [pattern for taker in takers for pattern in taker.types]
    known = {name for name in (*said, *wanted) if not _is_pattern(name)}
    known |= {flow_count.type for flow_count in flow_counts} | set(also)
    lone = {name for name in (*said, *wanted) if not any(matches(name, type_) for type_ in known)}
    return known | lone


def _resolved(patterns: Iterable[str], types: Iterable[str]) -> set[str]:
    wanted = list(patterns)
    return {
        type_ for type_ in types if any(type_ == pattern or matches(pattern, type_) for pattern in wanted)
    }


def _is_pattern(name: str) -> bool:
    return not _WILDCARDS.isdisjoint(name.split("."))


def _take(edges: _Edges, taker: Subscription, types: Iterable[str]) -> None:
    node = Node(Kind.SUBSCRIPTION, taker.id)
    edges.add(node, Node(Kind.SINK, taker.shown_sink), declared=True)
    for type_ in _resolved(taker.types, types):
        edges.add(Node(Kind.TYPE, type_), node, declared=True)


def _see(
    edges: _Edges, flow_count: FlowCount, emitters: Mapping[str, object], takers: Mapping[str, Subscription]
) -> None:
    type_ = Node(Kind.TYPE, flow_count.type)
    if not flow_count.subscription:
        edges.add(Node(Kind.EMITTER, _emitter(flow_count.source, emitters)), type_, seen=flow_count.count)
        return
    subscription = Node(Kind.SUBSCRIPTION, flow_count.subscription)
    edges.add(type_, subscription, seen=flow_count.count)
    if taker := takers.get(flow_count.subscription):
        edges.add(subscription, Node(Kind.SINK, taker.shown_sink), seen=flow_count.count)


def _emitter(source: str, emitters: Mapping[str, object]) -> str:
    """The declared service with this CloudEvents source, `/<service>`, or else the source itself."""
    name = source.strip("/")
    return name if name in emitters else source
