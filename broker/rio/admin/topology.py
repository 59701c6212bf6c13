"""GET /topology: what flows where."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from broker.rio.admin.catalog import DeclaredCatalog
from broker.rio.admin.description import Answer, Document, Shown, operation, read_query, show
from broker.rio.admin.handler import RioHandler, available
from broker.rio.flow.drawing import dot, mermaid
from broker.rio.flow.graph import Graph, Kind, Node, graph
from broker.rio.model.pattern import is_pattern
from broker.rio.model.sender import Senders
from broker.rio.store.flow_counts import FlowCounts
from broker.rio.store.subscriptions import Subscriptions

_SEEN: Final = timedelta(hours=1)
_MEDIA: Final = {"text/vnd.graphviz": "dot", "text/vnd.mermaid": "mermaid"}
_DRAWINGS: Final = {"dot": (dot, "text/vnd.graphviz"), "mermaid": (mermaid, "text/vnd.mermaid")}
_TEXT: Final = {"type": "string"}


def _concrete(text: str) -> str:
    if not is_pattern(text) or not {"*", "#"}.isdisjoint(text.split(".")):
        raise ValueError("no event type")
    return text


class TopologyQuery(Document):
    """What GET /topology is asked."""

    type: Annotated[str, AfterValidator(_concrete)] | None = Field(
        default=None, description="only what an event of this type sets off, transitively"
    )
    format: Literal["json", "dot", "mermaid"] | None = Field(
        default=None, description="instead of what the Accept header asks for"
    )


class ShownNode(Shown):
    """A part of the flow."""

    id: str
    kind: Kind
    name: str


class ShownEdge(Shown):
    """What goes from one part to another."""

    source: str = Field(serialization_alias="from")
    target: str = Field(serialization_alias="to")
    declared: bool
    seen: int = Field(description="events in the last hour")


class Topology(Shown):
    """What flows where; with a type asked for, nearest first."""

    nodes: Sequence[ShownNode]
    edges: Sequence[ShownEdge]


class TopologyHandler(RioHandler):
    """/topology."""

    def initialize(
        self,
        senders: Senders,
        catalog: DeclaredCatalog,
        subscriptions: Subscriptions,
        flow_counts: FlowCounts,
    ) -> None:
        self.senders = senders
        self.catalog = catalog
        self.subscriptions = subscriptions
        self.flow_counts = flow_counts

    @operation(
        "See what flows where: emitter, type, subscription, sink; declared, and seen in the last hour",
        query=TopologyQuery,
        answers={200: Answer(Topology, others=dict.fromkeys(_MEDIA, _TEXT))},
        headers={"Accept": {"type": "string"}},
    )
    @available
    async def get(self) -> None:
        self.require_sees_all()
        query = read_query(self, TopologyQuery)
        flow = graph(
            self.catalog.emitters,
            await self.subscriptions.all(),
            await self.flow_counts.within(_SEEN),
            () if query.type is None else (query.type,),
        )
        if query.type is not None:
            flow = flow.from_(Node(Kind.TYPE, query.type))
        drawing = _DRAWINGS.get(query.format or self._accepted())
        if drawing is None:
            show(self, _shown(flow))
            return
        draw, media = drawing
        self.set_header("Content-Type", f"{media}; charset=utf-8")
        self.finish(draw(flow))

    def _accepted(self) -> str:
        """The first drawing the Accept header names."""
        named = (
            entry.partition(";")[0].strip() for entry in self.request.headers.get("Accept", "").split(",")
        )
        return next((_MEDIA[media] for media in named if media in _MEDIA), "json")


def _shown(flow: Graph) -> Topology:
    return Topology(
        nodes=[ShownNode(id=node.id, kind=node.kind, name=node.name) for node in flow.nodes],
        edges=[
            ShownEdge(source=edge.source.id, target=edge.target.id, declared=edge.declared, seen=edge.seen)
            for edge in flow.edges
        ],
    )
