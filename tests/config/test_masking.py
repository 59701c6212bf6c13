"""What a program sends unmasked is masked by the collector: in lines, spans and events of spans."""

import json
import secrets
from datetime import datetime

import pytest

from compose.cli.printable import printable_lines
from observability.tests.test_masking import KEPT, MASKED
from tests.config.programs import Pipeline
from tests.config.spans import new_trace_id, span_document
from tests.config.test_pipeline import has_lines, has_spans, log_record, send_logs

pytestmark = pytest.mark.config

NOW = datetime.now().astimezone().strftime("%Y/%m/%d %H:%M:%S")


def test_a_line_and_its_fields_are_masked(pipeline: Pipeline) -> None:
    mark = secrets.token_hex(8)
    texts = [*MASKED, *KEPT]
    records = [log_record("careless", text, mark=mark, detail=text, deep={"a": text}) for text in texts]
    records[0] |= {"password": "hunter2", "api_key": "hunter2", "order_id": "kept"}
    send_logs(pipeline, records)
    query = f'{{service_name="careless"}} | mark="{mark}"'
    has_lines(pipeline, query, len(records))
    found = pipeline.lines(query)
    wanted = sorted(map(printable_lines, [*MASKED.values(), *KEPT]))
    assert sorted(line for _, _, line in found) == wanted
    assert sorted(labels["detail"] for labels, _, _ in found) == wanted
    assert sorted(labels["deep_a"] for labels, _, _ in found) == wanted
    assert "hunter2" not in json.dumps(found)
    assert "kept" in json.dumps(found)


def test_a_span_is_masked_with_its_events_and_status(pipeline: Pipeline) -> None:
    trace_id = new_trace_id()
    for text in MASKED:
        document = span_document("careless", trace_id, detail=text, password="hunter2", kept="kept")
        (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
        value = {"key": "exception.message", "value": {"stringValue": text}}
        span["events"] = [
            {"timeUnixNano": span["endTimeUnixNano"], "name": "exception", "attributes": [value]}
        ]
        span["status"] = {"code": 2, "message": text}
        pipeline.send_spans(document)
    has_spans(pipeline, trace_id, len(MASKED))
    found = json.dumps(pipeline.spans(trace_id))
    assert [text for text in MASKED if json.dumps(text) in found] == []
    assert [text for text in MASKED.values() if found.count(json.dumps(text)) < 3] == []
    assert "hunter2" not in found
    assert found.count('"kept"') >= len(MASKED)


def test_a_line_of_a_part_is_masked(pipeline: Pipeline) -> None:
    mark = secrets.token_hex(8)
    texts = {text: masked for text, masked in MASKED.items() if "\n" not in text}
    with (pipeline.nginx_logs / "edge-error.log").open("a") as file:
        for text in texts:
            file.write(f"{NOW} [error] 1#1: *5 {mark} ({text})\n")
    query = f'{{service_name="edge-nginx"}} |= `{mark}`'
    has_lines(pipeline, query, len(texts))
    found = json.dumps(pipeline.lines(query))
    for secret in ("hunter", "ter2", "ada", "4111", "MfKQ9r8G", "eyJ"):
        assert secret not in found
