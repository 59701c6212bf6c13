"""The topology of an instance as a tree: emitter, type, subscription, sink, and on to what that sets off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.tree import Tree

Node = Mapping[str, Any]

_STYLES = {"emitter": "bold", "type": "cyan", "subscription": "", "sink": "dim"}


def tree(document: Mapping[str, Any], type_: str | None) -> Tree:
    """The answer of GET /topology.

    type_: the type that was asked for: what it sets off is followed to its end. Without one every emitter is
    a root, and its events are followed to their sinks.
    """
    nodes = {node["id"]: node for node in document["nodes"]}
    flow = _Flow(nodes, document["edges"], transitive=type_ is not None)
    top = Tree("[dim]\\[n]: seen in the last hour; (!): seen but not declared")
    for node in nodes.values():
        if (type_ is None and node["kind"] == "emitter") or (node["kind"], node["name"]) == ("type", type_):
            flow.grow(top.add(_label(node)), node["id"])
    return top


class _Flow:
    """A tree of the events that follow from a node; each edge is followed once, which bounds its size."""

    def __init__(
        self, nodes: Mapping[str, Node], edges: Sequence[Mapping[str, Any]], *, transitive: bool
    ) -> None:
        self._nodes = nodes
        self._transitive = transitive
        self._edges: dict[str, list[Mapping[str, Any]]] = {}
        for edge in edges:
            self._edges.setdefault(edge["from"], []).append(edge)
        self._followed: set[str] = set()

    def grow(self, branch: Tree, start: str) -> None:
        """Adds what follows the node `start`."""
        self._followed.add(start)
        for edge in self._edges.get(start, ()):
            target = self._nodes[edge["to"]]
            if target["kind"] == "emitter" and not self._transitive:
                continue
            seen = f" [dim]\\[{edge['seen']}][/]" if edge["seen"] else ""
            undeclared = "" if edge["declared"] else " [yellow](!)[/]"
            again = " [dim]… above[/]" if edge["to"] in self._followed and edge["to"] in self._edges else ""
            inner = branch.add(f"{_label(target)}{seen}{undeclared}{again}")
            if edge["to"] not in self._followed:
                self.grow(inner, edge["to"])


def _label(node: Node) -> str:
    style = _STYLES.get(node["kind"], "")
    name = escape(node["name"])
    return f"[{style}]{name}[/]" if style else name
