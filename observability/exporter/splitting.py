"""Splits a batch that the collector refused, so that what is wrong with one span costs no other."""

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observability.tracer.batch import Batch


def halves(batch: Batch) -> list[Batch]:
    """The spans of a batch as two batches, in their order; none of a batch that cannot be split."""
    if batch.spans < 2:
        return []
    try:
        whole = ExportTraceServiceRequest.FromString(batch.body)
    except DecodeError:
        return []
    left = batch.spans // 2
    parts = []
    for share in (range(left), range(left, batch.spans)):
        part = ExportTraceServiceRequest()
        at = 0
        for of_resource in whole.resource_spans:
            resource = part.resource_spans.add(
                resource=of_resource.resource, schema_url=of_resource.schema_url
            )
            for of_scope in of_resource.scope_spans:
                count = len(of_scope.spans)
                chosen = of_scope.spans[max(share.start - at, 0) : max(share.stop - at, 0)]
                at += count
                if chosen:
                    resource.scope_spans.add(
                        scope=of_scope.scope, schema_url=of_scope.schema_url, spans=chosen
                    )
        parts.append(Batch(part.SerializeToString(), len(share)))
    return parts
