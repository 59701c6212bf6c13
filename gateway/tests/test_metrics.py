"""What is counted of answers."""

from prometheus_client import CollectorRegistry

from gateway.metrics import Metrics


def test_partial_answers_are_some_of_the_composed_ones() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for complete in (True, False, True):
        metrics.composed("order", complete=complete)
    assert registry.get_sample_value("gateway_composed_answers_total", {"route": "order"}) == 3
    assert registry.get_sample_value("gateway_partial_answers_total", {"route": "order"}) == 1
