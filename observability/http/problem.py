"""Error answers: problem details as RFC 9457 has them, raised as exceptions."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Self

from observability.http import date as http_date
from observability.text import plain


class Problem(Exception):
    """An error that its HTTP answer describes.

    Args:
        status: HTTP status code, 400 to 599.
        title: what kind of problem; the status's own phrase where none is given.
        detail: what went wrong this time, for a person.
        type: URI reference of the kind of problem.
        instance: URI reference of this occurrence.
        errors: places in the request that were wrong, `{"pointer": "#/lines/0/sku", "detail": "..."}` each.
        headers: headers the answer gets besides, such as Retry-After.
    """

    MEDIA_TYPE: ClassVar[str] = "application/problem+json"

    def __init__(
        self,
        status: int,
        title: str | None = None,
        *,
        detail: str | None = None,
        type: str = "about:blank",
        instance: str | None = None,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.title = title or phrase(status)
        self.detail = detail
        self.type = type
        self.instance = instance
        self.errors = [dict(error) for error in errors]
        self.headers = dict(headers or {})
        super().__init__(f"{status} {self.title}" + (f": {detail}" if detail else ""))

    def with_headers(self, headers: Mapping[str, str]) -> Self:
        """The same problem with other headers."""
        other = self.__class__.__new__(self.__class__, *self.args)
        other.__dict__.update(self.__dict__, headers=dict(headers))
        return other

    def document(self, trace_id: str | None = None) -> dict[str, Any]:
        """The members of the answer, without those that say nothing."""
        members = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": self.instance,
            "trace_id": trace_id,
            "errors": self.errors or None,
        }
        return {name: plain(value) for name, value in members.items() if value is not None}

    def encode(self, trace_id: str | None = None) -> bytes:
        """The body of the answer, in UTF-8."""
        return json.dumps(self.document(trace_id), ensure_ascii=False).encode()


def phrase(status: int) -> str:
    """The reason phrase that HTTP has for a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def last_answer(problem: Problem) -> bytes:
    """The whole answer, head and body, to a request that is none: the connection closes behind it."""
    body = problem.encode(None)
    head = (
        f"HTTP/1.1 {problem.status} {phrase(problem.status)}\r\n"
        f"Date: {http_date.now()}\r\nConnection: close\r\n"
        f"Content-Type: {Problem.MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
