"""Counters of responses."""

from prometheus_client import CollectorRegistry

from gateway.metrics import Metrics


def test_partial_answers_are_some_of_the_composed_ones() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for complete in (True, False, True):
        metrics.composed("order", complete=complete)
    assert registry.get_sample_value("gateway_composed_answers_total", {"route": "order"}) == 3
    assert registry.get_sample_value("gateway_partial_answers_total", {"route": "order"}) == 1


def test_a_composed_route_shows_its_counters_before_its_first_answer() -> None:
    registry = CollectorRegistry()
    Metrics(registry).add_composed_route("order")
    assert registry.get_sample_value("gateway_composed_answers_total", {"route": "order"}) == 0
    assert registry.get_sample_value("gateway_partial_answers_total", {"route": "order"}) == 0
