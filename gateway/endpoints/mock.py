"""`mock`: a fixed answer, for work that does not wait for a service."""

from collections.abc import Mapping
from typing import Any

from gateway.aggregation import json_document
from gateway.messages import Headers, Request, Response

JSON = "application/json"


class Mock:
    """Answers the same every time.

    Parameters:
        body: a JSON value, or a text that is sent as it is when `headers` say that it is no JSON.
    """

    def __init__(self, status: int, headers: Mapping[str, str], body: Any) -> None:
        self._status = status
        lower = {name.lower(): value for name, value in headers.items()}
        is_json = lower.get("content-type", JSON).partition(";")[0].endswith("json")
        self._body = json_document.encode(body) if is_json or not isinstance(body, str) else body.encode()
        self._headers: Headers = list(headers.items())
        if status in (204, 304):
            self._body = b""
        elif "content-type" not in lower:
            self._headers.append(("Content-Type", JSON))

    @classmethod
    def of_examples(cls, responses: Mapping[str, Mapping[str, Any]]) -> "Mock":
        """The first good response's example."""
        status = min((status for status in responses if status.startswith("2")), default="200")
        declared = responses.get(status, {})
        headers = {"Content-Type": declared["content_type"]} if "content_type" in declared else {}
        return cls(int(status), headers, declared.get("example", {}))

    async def respond(self, request: Request) -> Response:
        return Response(self._status, list(self._headers), self._body)
