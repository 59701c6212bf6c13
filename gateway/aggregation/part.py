"""A part of a composed document: one call to a service, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from gateway.aggregation import json_document
from gateway.aggregation.expressions import Condition, Reference, Scope, Text, Unresolved
from gateway.aggregation.json_document import BadDocument, Shape
from gateway.cache_control import NOT_FRESH, Freshness, freshness
from gateway.messages import Request
from gateway.service_client import Answer, Call, ServiceError
from gateway.service_client.policy import Policy

NULL = b"null"


@dataclass(frozen=True, slots=True)
class Fallback:
    """A value that stands in for a part that failed, as JSON."""

    body: bytes
    value: Any


OnFailure = Literal["fail", "omit", "stale"] | Fallback


class Good(NamedTuple):
    """A part that succeeded: its JSON as it goes into the document, and its value for references.

    Attributes:
        value: of the service's document; the part's own bytes may be less of it.
    """

    body: bytes
    value: Any
    fresh: Freshness = NOT_FRESH


class PartFailed(Exception):
    """A part has no answer. `status` is what the gateway would answer if nothing else were there.

    Attributes:
        answer: the service's own refusal, when that is the cause.
        cut: whether the request's deadline is the cause.
    """

    def __init__(
        self,
        status: int,
        cause: str,
        *,
        retry_after: str | None = None,
        answer: Answer | None = None,
        cut: bool = False,
    ) -> None:
        super().__init__(cause)
        self.status = status
        self.cause = cause
        self.retry_after = retry_after
        self.answer = answer
        self.cut = cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A call to a service, compiled.

    Attributes:
        declared: the method and the path as the route declares it, for its circuit breaker.
        query: names, texts, and whether a member is left out where the caller says nothing of it.
        needs: the parts whose values it refers to.
        cached: whether the document may be kept, so that it matters for how long this part may.
        rest: parameters of the path that stand for several segments.
    """

    name: str
    service: str
    method: str
    path: Text
    declared: str
    query: tuple[tuple[str, Text, bool], ...]
    headers: tuple[str, ...]
    send_body: bool
    condition: Condition | None
    shape: Shape | None
    flatten: bool
    on_failure: OnFailure
    policy: Policy
    needs: tuple[str, ...]
    cached: bool
    rest: frozenset[str] = frozenset()

    @property
    def references(self) -> list[Reference]:
        """Every reference it makes."""
        found = [*self.path.references, *(each for _, text, _ in self.query for each in text.references)]
        return [*found, self.condition.reference] if self.condition else found

    def call(self, request: Request, scope: Scope) -> Call:
        """The call that this request leads to.

        Raises:
            Unresolved: a reference has no value.
        """
        target = self.path.as_path(scope, self.rest)
        if self.query:
            target += self._query(scope)
        headers = request.caller.identity
        body: bytes = b""
        if self.headers:
            passed = ((name, request.headers.get(name)) for name in self.headers)
            headers = (*headers, *((name, value) for name, value in passed if value is not None))
        if self.send_body:
            content_type = request.headers.get("Content-Type", "application/json")
            headers, body = (*headers, ("Content-Type", content_type)), request.body
        return Call(
            self.service,
            self.method,
            target,
            headers,
            body,
            path=self.declared,
            may_be_absent=self.may_be_absent,
        )

    @property
    def may_be_absent(self) -> bool:
        """Whether a 404 of the service is an answer: the part is null then."""
        return self.on_failure != "fail"

    def result(self, answer: Answer) -> Good:
        """The part, made of the service's answer.

        Raises:
            PartFailed: the answer cannot be used.
        """
        if answer.status == 404 and self.may_be_absent:
            return Good(NULL, None)
        if not 200 <= answer.status < 300 or answer.status == 206:  # some bytes are no document
            raise self._refused(answer)
        if answer.status == 204 or not answer.body:
            return Good(NULL, None, self._freshness(answer))
        try:
            value = json_document.read(answer.body)
            body = answer.body if self.shape is None else self.shape(answer.body)
            if self.flatten:
                json_document.members(body)
        except BadDocument as error:
            raise PartFailed(502, f"{self.service}: {error}") from error
        return Good(body, value, self._freshness(answer))

    def _freshness(self, answer: Answer) -> Freshness:
        return freshness(answer.headers) if self.cached else NOT_FRESH

    def _refused(self, answer: Answer) -> PartFailed:
        if not 400 <= answer.status < 500:
            return PartFailed(502, f"{self.service}: the service answered {answer.status}")
        return PartFailed(502, f"{self.service}: the service answered {answer.status}", answer=answer)

    def _query(self, scope: Scope) -> str:
        members = []
        for name, text, optional in self.query:
            try:
                members.append(f"{name}={text.as_query(scope)}")
            except Unresolved:
                # What the caller did say is never left out: the service would say more than was asked for.
                if not optional or text.references[0].value(scope) is not None:
                    raise
        return "?" + "&".join(members) if members else ""


def failed(error: ServiceError) -> PartFailed:
    """A call that failed, as a part's failure."""
    return PartFailed(error.status, str(error), retry_after=error.retry_after, cut=error.cut)


def query_of(declared: Mapping[str, Any]) -> tuple[tuple[str, Text, bool], ...]:
    """The members of a declared query, quoted, and whether each may be left out.

    Raises:
        ValueError: a value has braces without a reference.
    """
    members = []
    for name, value in declared.items():
        text = Text.of(value if isinstance(value, str) else json_document.encode(value).decode())
        quoted = Text(tuple(quote(literal, safe="") for literal in text.literals), text.references)
        optional = quoted.literals == ("", "") and quoted.references[0].root == "query"
        members.append((quote(name, safe=""), quoted, optional))
    return tuple(members)
