"""GET /topology: which events flow from where to where."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal

from fastapi import Header, Query, Response
from pydantic import AfterValidator, Field

from broker.rio.admin.documents import Absent, Shown
from broker.rio.admin.parts import ApiParts
from broker.rio.admin.route import resource
from broker.rio.flow.drawing import dot, mermaid
from broker.rio.flow.graph import Graph, Kind, Node, graph
from broker.rio.model.document import Document
from broker.rio.model.pattern import is_pattern

_SEEN: Final = timedelta(hours=1)
_MEDIA: Final = {"text/vnd.graphviz": "dot", "text/vnd.mermaid": "mermaid"}
_DRAWINGS: Final = {"dot": (dot, "text/vnd.graphviz"), "mermaid": (mermaid, "text/vnd.mermaid")}

router = resource()


def _concrete(text: str) -> str:
    if not is_pattern(text) or not {"*", "#"}.isdisjoint(text.split(".")):
        raise ValueError("no event type")
    return text


class TopologyQuery(Document):
    """The query of GET /topology."""

    type: Annotated[str, AfterValidator(_concrete)] | Absent = Field(
        default=None, description="only what an event of this type sets off, transitively"
    )
    format: Literal["json", "dot", "mermaid"] | Absent = Field(
        default=None, description="instead of what the Accept header asks for"
    )


class ShownNode(Shown):
    """A node of the flow."""

    id: str
    kind: Kind
    name: str


class ShownEdge(Shown):
    """A flow of events from one node to another."""

    source: str = Field(serialization_alias="from")
    target: str = Field(serialization_alias="to")
    declared: bool
    seen: int = Field(description="events in the last hour")


class Topology(Shown):
    """Nodes and edges of the flow; with a type asked for, nearest first."""

    nodes: Sequence[ShownNode]
    edges: Sequence[ShownEdge]


@router.get(
    "/topology",
    summary="See what flows where: emitter, type, subscription, sink; declared, and seen in the last hour",
    response_model=Topology,
    responses={200: {"content": {media: {"schema": {"type": "string"}} for media in _MEDIA}}},
)
async def get_topology(
    query: Annotated[TopologyQuery, Query()],
    parts: ApiParts,
    accept: Annotated[str, Header(alias="Accept")] = "",
) -> Topology | Response:
    flow = graph(
        parts.catalog.emitters,
        await parts.stores.subscriptions.all(),
        await parts.stores.flow_counts.within(_SEEN),
        () if query.type is None else (query.type,),
    )
    if query.type is not None:
        flow = flow.from_(Node(Kind.TYPE, query.type))
    drawing = _DRAWINGS.get(query.format or _accepted(accept))
    if drawing is None:
        return _shown(flow)
    draw, media = drawing
    return Response(draw(flow), media_type=media)


def _accepted(accept: str) -> str:
    """The first drawing that an Accept header names."""
    named = (entry.partition(";")[0].strip() for entry in accept.split(","))
    return next((_MEDIA[media] for media in named if media in _MEDIA), "json")


def _shown(flow: Graph) -> Topology:
    return Topology(
        nodes=[ShownNode(id=node.id, kind=node.kind, name=node.name) for node in flow.nodes],
        edges=[
            ShownEdge(source=edge.source.id, target=edge.target.id, declared=edge.declared, seen=edge.seen)
            for edge in flow.edges
        ],
    )
