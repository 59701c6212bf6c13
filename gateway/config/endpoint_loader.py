"""The endpoints of the file of routes: what each route does."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.aggregation import json_document
from gateway.aggregation.dependencies import cycle_in
from gateway.aggregation.executor import Executor
from gateway.aggregation.expressions import ROOTS, Condition
from gateway.aggregation.part import Fallback, OnFailure, Part, query_of
from gateway.aggregation.plan import Plan
from gateway.config import route
from gateway.config.references import References, auth_of
from gateway.config.route import Endpoint
from gateway.config.service_policies import ServicePolicies
from gateway.config.template import Template
from gateway.context import Context
from gateway.endpoints.compose import Compose
from gateway.endpoints.forwarding import HOP_BY_HOP, NOT_SENT_ON
from gateway.endpoints.handler import Handler, Tools, find
from gateway.endpoints.mock import Mock
from gateway.endpoints.proxy import Proxy
from gateway.long_lived.answers import LongLivedAnswers
from gateway.long_lived.connections import KINDS, Kind
from gateway.service_client.policy import LongLivedPolicy
from observability.configuration.yaml_document import Document, Field
from observability.server_request import TRACE_HEADER

#: Headers that parts cannot ask for: the gateway's own, and what is about the whole document's bytes.
_NOT_FOR_PARTS = (
    HOP_BY_HOP
    | NOT_SENT_ON
    | {
        "accept-encoding",
        "content-type",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "range",
    }
)
#: Headers that no answer declares: they frame it, or every answer has them.
_GATEWAYS = HOP_BY_HOP | {"content-length", "date", TRACE_HEADER.lower()}


class EndpointLoader:
    """Makes endpoints, and notes what is wrong with their declarations.

    Parameters:
        mock: every route is answered with its example, and no service is called.
    """

    def __init__(
        self,
        document: Document,
        policies: ServicePolicies,
        references: References,
        context: Context,
        tools: Tools,
        *,
        mock: bool,
    ) -> None:
        self._document = document
        self._policies = policies
        self._references = references
        self._context = context
        self._tools = tools
        self._mock = mock

    def load(
        self, kind: route.Kind, declared: dict[str, Any], template: Template, where: Field
    ) -> Endpoint | None:
        """The endpoint that a route declares; None where it has faults.

        Parameters:
            where: of the route in the file.
        """
        here = (*where, kind)
        if kind == "handler":
            return self._handler(declared, here)
        if kind == "mock":
            return self._declared_mock(declared["mock"], here)
        if kind == "proxy":
            endpoint: Endpoint | None = self._proxy(declared, template, here)
        else:
            endpoint = self._compose(declared, template, here)
        return Mock.of_examples(declared.get("responses", {})) if endpoint and self._mock else endpoint

    def _declared_mock(self, mock: Mapping[str, Any], where: Field) -> Mock:
        headers = mock.get("headers", {})
        for name in headers:
            if name.lower() in _GATEWAYS:
                self._document.fault((*where, "headers", name), "is for the gateway to say")
        return Mock(mock.get("status", 200), headers, mock.get("body", {}))

    def _handler(self, declared: Mapping[str, Any], where: Field) -> Endpoint | None:
        try:
            found = find(declared["handler"])
        except ValueError as error:
            self._document.fault(where, str(error))
            return None
        if self._mock and any("example" in response for response in declared.get("responses", {}).values()):
            return Mock.of_examples(declared["responses"])
        return Handler(found, self._tools)

    def _proxy(self, declared: Mapping[str, Any], template: Template, where: Field) -> Proxy | None:
        proxy = declared["proxy"]
        text = self._references.text(proxy["path"], (*where, "path"))
        if not self._policies.knows(proxy["service"], (*where, "service")) or text is None:
            return None
        if not self._references.check(text.references, declared, template, (), (*where, "path")):
            return None
        self._references.check_always_there(text.references, None, declared, (*where, "path"))
        return Proxy(
            proxy["service"],
            text,
            self._policies.of(proxy),
            self._context.service_client,
            pass_query=proxy.get("pass_query", True),
            location_prefix=proxy.get("location_prefix", ""),
            rest=_rest(template),
            kept_open=self._kept_open(declared, where),
        )

    def _kept_open(self, declared: Mapping[str, Any], where: Field) -> LongLivedAnswers:
        """The policies of a proxied route's long-lived connections."""
        policies: dict[Kind, LongLivedPolicy] = {}
        connections = self._context.long_lived
        for kind in KINDS:
            if kind not in declared["proxy"]:
                continue
            policy = policies[kind] = LongLivedPolicy.model_validate(declared["proxy"][kind])
            if policy.idle_seconds > policy.life_seconds:
                fault = f"is longer than life_seconds, which is {policy.life_seconds:g}"
                self._document.fault((*where, kind, "idle_seconds"), fault)
            connections.show(declared["id"], kind)
        if "websocket" in policies and declared["method"] != "GET":
            self._document.fault((*where, "websocket"), "a WebSocket begins with a GET (RFC 6455)")
        return LongLivedAnswers(declared["id"], connections, **policies)

    def _compose(self, declared: dict[str, Any], template: Template, where: Field) -> Compose | None:
        names = list(declared["compose"])
        parts = [
            self._part(name, part, declared, template, (*where, name))
            for name, part in declared["compose"].items()
        ]
        whole = [part for part in parts if part is not None]
        if len(whole) < len(names):
            return None
        if cycle := cycle_in({part.name: part.needs for part in whole}):
            self._document.fault((*where, cycle[0]), f"needs itself: {' -> '.join(cycle)}")
            return None
        plan = Plan(declared["id"], whole, self._context, coalesced=declared.get("coalesce", False))
        return Compose(
            declared["id"], Executor(plan), self._context, is_identified=auth_of(declared) != "none"
        )

    def _part(
        self,
        name: str,
        part: dict[str, Any],
        declared: Mapping[str, Any],
        template: Template,
        where: Field,
    ) -> Part | None:
        if name in ROOTS or name == "errors":
            self._document.fault(where, "is a name with a meaning of its own; choose another")
            return None
        known = self._policies.knows(part["service"], (*where, "service"))
        path = self._references.text(part["path"], (*where, "path"))
        query = self._references.read(lambda: query_of(part.get("query", {})), (*where, "query"))
        condition = self._references.read(
            lambda: Condition.of(part["when"]) if "when" in part else None, (*where, "when")
        )
        self._check_call(part, declared, where)
        if not known or path is None or query is None or ("when" in part and condition is None):
            return None
        built = Part(
            name=name,
            service=part["service"],
            method=part.get("method", "GET"),
            path=path,
            declared=f"{part.get('method', 'GET')} {path}",
            query=query,
            headers=tuple(part.get("headers", ())),
            send_body=part.get("send_body", False),
            condition=condition,
            shape=json_document.shape(part.get("select"), part.get("rename")),
            flatten=part.get("flatten", False),
            on_failure=_on_failure(part.get("on_failure", "fail")),
            policy=self._policies.of(part),
            needs=(),
            cached=declared.get("cache", False),
            rest=_rest(template),
        )
        others = tuple(declared["compose"])
        if not self._references.check(built.references, declared, template, others, where):
            return None
        self._references.check_always_there(built.path.references, condition, declared, (*where, "path"))
        needed = [each for _, text, optional in query if not optional for each in text.references]
        self._references.check_always_there(needed, condition, declared, (*where, "query"))
        roots = dict.fromkeys(r.root for r in built.references if r.root not in ROOTS)
        return replace(built, needs=tuple(roots))

    def _check_call(self, part: Mapping[str, Any], declared: Mapping[str, Any], where: Field) -> None:
        for n, header in enumerate(part.get("headers", ())):
            if header.lower() in _NOT_FOR_PARTS:
                self._document.fault((*where, "headers", n), f"{header} is not passed on")
        if part.get("send_body") and "body" not in declared:
            self._document.fault((*where, "send_body"), "the route declares no body")
        method, chosen = part.get("method", "GET"), part.get("on_failure", "fail")
        if chosen == "stale" and method != "GET":
            self._document.fault((*where, "on_failure"), "only the answer to a GET can be stale")
        if method != "GET" and (declared.get("cache") or declared.get("coalesce")):
            fault = (
                f"a {method} is not made for an answer that is shared: the route has `cache` or `coalesce`"
            )
            self._document.fault((*where, "method"), fault)
        fallback = chosen["fallback"] if isinstance(chosen, dict) else None
        if part.get("flatten") and not isinstance(fallback, dict | None):
            fault = "with `flatten` it has to be an object, whose members stand in the document, or null"
            self._document.fault((*where, "on_failure", "fallback"), fault)


def _rest(template: Template) -> frozenset[str]:
    return frozenset(template.names[-1:]) if template.takes_rest else frozenset()


def _on_failure(declared: Any) -> OnFailure:
    if isinstance(declared, dict):
        return Fallback(json_document.encode(declared["fallback"]), declared["fallback"])
    chosen: OnFailure = declared
    return chosen
