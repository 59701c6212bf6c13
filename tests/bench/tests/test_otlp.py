"""The requests of spans that are sent thousands of times a second."""

import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.bench import otlp


def test_each_request_is_one_trace_of_its_own_at_the_present_time() -> None:
    request, before = otlp.TraceRequest(), time.time_ns()
    first, second = (ExportTraceServiceRequest.FromString(request.next()) for _ in range(2))
    traces = []
    for each in (first, second):
        found = [span for one in each.resource_spans for scope in one.scope_spans for span in scope.spans]
        assert len({span.span_id for span in found}) == otlp.SPANS
        assert sum(not span.parent_span_id for span in found) == 1
        assert all(before - 1e9 < span.start_time_unix_nano < span.end_time_unix_nano for span in found)
        [trace] = {span.trace_id for span in found}
        traces.append(trace)
    assert traces[0] != traces[1]
