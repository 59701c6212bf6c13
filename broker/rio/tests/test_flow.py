"""The graph of event flow: its invariants, and drawings that nothing in a name can break."""

import re
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from broker.rio.flow.drawing import dot, mermaid
from broker.rio.flow.graph import Edge, Graph, Kind, Node, graph
from broker.rio.model.pattern import matches
from broker.rio.model.subscription import Subscription
from broker.rio.store.flow_counts import FlowCount

WORDS = st.sampled_from(["a", "b", "c"])
TYPES = st.lists(WORDS, min_size=1, max_size=3).map(".".join)
PATTERNS = st.lists(WORDS | st.sampled_from(["*", "#"]), min_size=1, max_size=3).map(".".join)
SERVICES = st.sampled_from(["orders", "stock", "mail"])
EMITTERS = st.dictionaries(SERVICES, st.lists(TYPES, max_size=3), max_size=3)
SUBSCRIPTIONS = st.lists(
    st.builds(
        Subscription,
        id=st.sampled_from(["one", "two", "three"]),
        types=st.lists(PATTERNS, min_size=1, max_size=2).map(tuple),
        sink=st.sampled_from(["/orders/events", "/stock/events"]),
        owner=SERVICES | st.just(""),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)
SEEN = st.lists(
    st.builds(
        FlowCount,
        source=SERVICES.map("/{}".format) | st.just("/else"),
        type=TYPES,
        subscription=st.sampled_from(["", "one", "gone"]),
        count=st.integers(1, 1000),
    ),
    max_size=5,
    unique_by=lambda one: (one.source, one.type, one.subscription),
)
FOLLOWS = {
    Kind.EMITTER: Kind.TYPE,
    Kind.TYPE: Kind.SUBSCRIPTION,
    Kind.SUBSCRIPTION: Kind.SINK,
    Kind.SINK: Kind.EMITTER,
}


@given(EMITTERS, SUBSCRIPTIONS, SEEN)
def test_edges_lead_from_kind_to_kind_between_known_nodes(
    emitters: Mapping[str, list[str]], subscriptions: list[Subscription], seen: list[FlowCount]
) -> None:
    flow = graph(emitters, subscriptions, seen)
    assert len(set(flow.nodes)) == len(flow.nodes)
    assert len({(edge.source, edge.target) for edge in flow.edges}) == len(flow.edges)
    for edge in flow.edges:
        assert edge.target.kind is FOLLOWS[edge.source.kind]
        assert {edge.source, edge.target} <= set(flow.nodes)
        assert edge.declared or edge.seen


@given(EMITTERS, SUBSCRIPTIONS, SEEN)
def test_a_type_leads_to_exactly_those_who_take_it(
    emitters: Mapping[str, list[str]], subscriptions: list[Subscription], seen: list[FlowCount]
) -> None:
    flow = graph(emitters, subscriptions, seen)
    declared = {
        (edge.source.name, edge.target.name)
        for edge in flow.edges
        if edge.source.kind is Kind.TYPE and edge.declared
    }
    types = {node.name for node in flow.nodes if node.kind is Kind.TYPE}
    assert declared == {
        (type_, taker.id)
        for type_ in types
        for taker in subscriptions
        if any(type_ == pattern or matches(pattern, type_) for pattern in taker.types)
    }


@given(EMITTERS, SUBSCRIPTIONS, SEEN)
def test_what_was_seen_is_counted_once(
    emitters: Mapping[str, list[str]], subscriptions: list[Subscription], seen: list[FlowCount]
) -> None:
    flow = graph(emitters, subscriptions, seen)
    for kind, counts in (
        (Kind.EMITTER, [one for one in seen if not one.subscription]),
        (Kind.TYPE, [one for one in seen if one.subscription]),
    ):
        assert sum(edge.seen for edge in flow.edges if edge.source.kind is kind) == sum(
            one.count for one in counts
        )


@given(EMITTERS, SUBSCRIPTIONS, SEEN, TYPES)
def test_what_an_event_sets_off_is_closed_and_all_of_it_is_reached(
    emitters: Mapping[str, list[str]], subscriptions: list[Subscription], seen: list[FlowCount], type_: str
) -> None:
    whole = graph(emitters, subscriptions, seen, [type_])
    start = Node(Kind.TYPE, type_)
    part = whole.from_(start)
    assert part.nodes[0] == start
    inside = set(part.nodes)
    assert set(part.edges) == {edge for edge in whole.edges if edge.source in inside}
    assert {edge.target for edge in part.edges} | {start} == inside


def test_an_event_sets_off_what_its_takers_emit_round_and_round() -> None:
    emitters = {
        "orders": ["order.placed", "order.confirmed"],
        "stock": ["stock.reserved"],
        "mail": ["mail.sent"],
    }
    takers = [
        Subscription("stock-orders", ("order.placed",), "/stock/events", owner="stock"),
        Subscription("orders-stock", ("stock.*",), "/orders/events", owner="orders"),
        Subscription("mail-news", ("news.#",), "/mail/events", owner="mail"),
    ]
    reached = graph(emitters, takers, []).from_(Node(Kind.TYPE, "order.placed"))
    assert [node.id for node in reached.nodes] == [
        "type:order.placed",
        "subscription:stock-orders",
        "sink:/stock/events",
        "emitter:stock",
        "type:stock.reserved",
        "subscription:orders-stock",
        "sink:/orders/events",
        "emitter:orders",
        "type:order.confirmed",
    ]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=4, unique=True))
def test_no_name_breaks_a_drawing(names: list[str]) -> None:
    nodes = [Node(Kind.SINK, name) for name in names]
    edges = [Edge(nodes[0], node, declared=False, seen=3) for node in nodes]
    drawn = Graph(tuple(nodes), tuple(edges))
    statement = r'"(?:[^"\\]|\\.)*"'
    lines = dot(drawn).split("\n")
    assert len(lines) == 2 + len(nodes) + len(edges) + 2
    for line in lines[2 : 2 + len(nodes)]:
        assert re.fullmatch(rf"  {statement} \[label={statement}, shape=\w+\];", line), line
    for line in lines[2 + len(nodes) : -2]:
        assert re.fullmatch(rf"  {statement} -> {statement} \[label=\"3\", color=red\];", line), line
    for line in mermaid(drawn).split("\n")[1 : 1 + len(nodes)]:
        assert re.fullmatch(r'  n\d+\[\["[^"<>`]*"\]\]', line), line
