"""A flow as a drawing: Graphviz' DOT and Mermaid. What was declared and not seen is dashed, what was seen and
not declared is red."""

from typing import Final

from broker.rio.flow.graph import Edge, Graph, Kind

_DOT_SHAPES: Final = {
    Kind.EMITTER: "box",
    Kind.TYPE: "ellipse",
    Kind.SUBSCRIPTION: "hexagon",
    Kind.SINK: "box3d",
}
_MERMAID_SHAPES: Final = {
    Kind.EMITTER: ("[", "]"),
    Kind.TYPE: ("([", "])"),
    Kind.SUBSCRIPTION: ("{{", "}}"),
    Kind.SINK: ("[[", "]]"),
}
# Mermaid's entities: what has a meaning in it, or in the HTML it makes.
_MERMAID: Final = {ord(character): f"#{ord(character)};" for character in '#"&<>`\\;|{}[]()'}
_CONTROL: Final = dict.fromkeys((*range(32), 127, 133, 8232, 8233), " ")


def dot(graph: Graph) -> str:
    """The graph in Graphviz' language."""
    lines = ["digraph rio {", "  rankdir=LR;"]
    lines += [
        f"  {_dot(node.id)} [label={_dot(node.name)}, shape={_DOT_SHAPES[node.kind]}];"
        for node in graph.nodes
    ]
    lines += [
        f"  {_dot(edge.source.id)} -> {_dot(edge.target.id)} [{_dot_style(edge)}];" for edge in graph.edges
    ]
    return "\n".join([*lines, "}", ""])


def mermaid(graph: Graph) -> str:
    """The graph as a Mermaid flowchart."""
    names = {node: f"n{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node, name in names.items():
        opening, closing = _MERMAID_SHAPES[node.kind]
        lines.append(f'  {name}{opening}"{_mermaid(node.name)}"{closing}')
    for number, edge in enumerate(graph.edges):
        lines.append(f"  {names[edge.source]} {_mermaid_arrow(edge)} {names[edge.target]}")
        if not edge.declared:
            lines.append(f"  linkStyle {number} stroke:red")
    return "\n".join([*lines, ""])


def _dot(text: str) -> str:
    """A quoted string of DOT: it knows one escape of its own, and backslashes begin a label's."""
    clean = text.translate(_CONTROL).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{clean}"'


def _dot_style(edge: Edge) -> str:
    style = [f'label="{edge.seen}"'] if edge.seen else ["style=dashed"]
    return ", ".join(style if edge.declared else [*style, "color=red"])


def _mermaid(text: str) -> str:
    return text.translate(_CONTROL).translate(_MERMAID)


def _mermaid_arrow(edge: Edge) -> str:
    return f"-->|{edge.seen}|" if edge.seen else "-.->"
