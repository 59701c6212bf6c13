"""Calls of the public API that a person tries from a page."""

import re
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from observability.console.operate import ChangeHandler
from observability.console.operator_log import logged
from observability.console.store_client import StoreClient
from observability.http.client import Response
from observability.http.problem import Problem
from observability.server_request import TRACE_HEADER

MAX_BODY_BYTES: Final = 64 * 1024
MAX_SHOWN_BYTES: Final = 256 * 1024
"""The bytes of an answer's body that are shown; the page says that the rest is left out."""
_DESCRIPTION: Final = "/v1/openapi.json"
_SAFE: Final = frozenset({"GET"})
_HEADERS: Final = frozenset({"accept", "authorization", "content-type", "if-none-match"})
"""Headers that every call may have, beside the header parameters of its operation."""
_PATH: Final = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)+")
_QUERY: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_CLIMBING: Final = re.compile(r"(?i)(?:^|/)(?:\.|%2e){1,2}(?:/|$)|%2f|%5c|%00")
_VALUE: Final = re.compile(r"[\t -~]*")
_SLOT: Final = re.compile(r"\{[^{}]+\}")

Text = Annotated[str, msgspec.Meta(max_length=8192)]


class Call(msgspec.Struct, forbid_unknown_fields=True):
    """A request to the gateway that a page asks the console to send."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Annotated[str, msgspec.Meta(max_length=4096)]
    headers: Annotated[dict[str, Text], msgspec.Meta(max_length=16)] = {}
    body: str = ""


_call: Final = msgspec.json.Decoder(Call)


class GatewayCallsHandler(ChangeHandler):
    """/api/gateway/calls: makes one call of an operation that the gateway's OpenAPI document has.

    Methods that change something need operate mode. Answers to calls that need a token may be about people:
    their bodies are shown where event bodies are. Nothing of a call is kept; its token goes to the gateway.
    """

    max_body_bytes = MAX_BODY_BYTES

    def initialize(self, client: StoreClient) -> None:
        self._client = client

    async def post(self) -> None:
        """Make the call and show what came back."""
        call = self._read()
        operation = find_operation(await self._description(), call.method, call.path.partition("?")[0])
        if operation is None:
            raise Problem(404, detail=f"the API has no {call.method} of this path")
        headers = self._permitted(call, operation)
        begun = time.monotonic()
        answer = await self._make(call, headers)
        is_hidden = is_about_people(operation, answer) and not self.shows_payloads()
        self.finish_json(shown(answer, time.monotonic() - begun, is_hidden=is_hidden))

    def _read(self) -> Call:
        self.json_body()  # refuses what is no JSON object
        try:
            call = _call.decode(self.request.body)
        except msgspec.ValidationError as error:
            raise Problem(400, "Invalid call", detail=str(error)) from error
        path, _, query = call.path.partition("?")
        if not _PATH.fullmatch(path) or not _QUERY.fullmatch(query) or _CLIMBING.search(path):
            errors = [{"pointer": "#/path", "detail": "must be a quoted path of the API, and its query"}]
            raise Problem(400, "Invalid call", detail="the path is refused", errors=errors)
        return call

    async def _description(self) -> Mapping[str, Any]:
        answer = await self._client.get("gateway", _DESCRIPTION)
        if answer.status != HTTPStatus.OK:
            raise Problem(
                502, "gateway is not available", detail=f"its description was answered {answer.status}"
            )
        described: dict[str, Any] = msgspec.json.decode(answer.body)
        return described

    def _permitted(self, call: Call, operation: Mapping[str, Any]) -> list[tuple[str, str]]:
        declared = {one["name"].lower() for one in operation.get("parameters", ()) if one["in"] == "header"}
        for name, value in call.headers.items():
            # Beyond ASCII, a name may be another's lower case: U+212A is a k.
            is_known = name.isascii() and name.lower() in _HEADERS | declared
            if not is_known or not _VALUE.fullmatch(value):
                pointer = f"#/headers/{name[:50]}"
                raise Problem(
                    400,
                    "Invalid call",
                    detail="a header is refused",
                    errors=[{"pointer": pointer, "detail": "may not be sent, or not with this value"}],
                )
        return list(call.headers.items())

    async def _make(self, call: Call, headers: list[tuple[str, str]]) -> Response:
        sending = (call.method, call.path, headers, call.body.encode())
        if call.method in _SAFE:
            return await self._client.send("gateway", *sending)
        session = self.require_session()
        target = call.path.partition("?")[0]
        acting = self._client.send("gateway", *sending)
        return await logged(session, f"call API {call.method}", target, {}, acting)


def find_operation(description: Mapping[str, Any], method: str, path: str) -> Mapping[str, Any] | None:
    """The operation of an OpenAPI document that a method and a path are; one without parameters first."""
    templates = sorted(description.get("paths", {}), key=lambda template: template.count("{"))
    for template in templates:
        operation: Mapping[str, Any] | None = description["paths"][template].get(method.lower())
        if operation is not None and _pattern(template).fullmatch(path):
            return operation
    return None


def is_about_people(operation: Mapping[str, Any], answer: Response) -> bool:
    """Whether an answer may hold personal data: that of an operation which needs a token, but no problem."""
    is_problem = (answer.headers.get("content-type") or "").startswith(Problem.MEDIA_TYPE)
    return bool(operation.get("security")) and not is_problem


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(re.escape(part) for part in _SLOT.split(template)))


def shown(answer: Response, seconds: float, *, is_hidden: bool) -> dict[str, Any]:
    """An answer for a page: status, how long it took, headers, trace, and the body unless it is hidden."""
    document: dict[str, Any] = {
        "status": answer.status,
        "seconds": seconds,
        "headers": list(answer.headers.items()),
        "trace_id": answer.headers.get(TRACE_HEADER),
        "bytes": len(answer.body),
    }
    return document | ({"hidden": ["body"]} if is_hidden else dict(_body(answer.body)))


def _body(body: bytes) -> Iterator[tuple[str, Any]]:
    text = body[:MAX_SHOWN_BYTES].decode(errors="replace")
    yield "body", text
    if len(body) > MAX_SHOWN_BYTES:
        yield "cut", True
