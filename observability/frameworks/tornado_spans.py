"""Server spans of Tornado: OpenTelemetry's own instrumentation with its known faults mended from outside.

The faults: it ends the span before the exception of a handler is logged, so that line has no trace id; it
detaches its context when the request finishes, which fails loudly where another task finishes it; a request
refused before `prepare` (unknown method, undecodable path) gets no span or, worse, no answer; and a method
that a handler does not have gets a route with `%s` for its parameters.

Replaces private functions of opentelemetry-instrumentation-tornado (pytest
observability/frameworks/tests/test_tornado.py). To be dropped, one by one, as these tests pass without.
"""

import inspect
import re
from collections.abc import Hashable
from functools import cache
from importlib import import_module
from time import time_ns
from types import TracebackType
from typing import Any, cast

from opentelemetry import context, trace
from opentelemetry.instrumentation.tornado._utils import find_matched_rule
from opentelemetry.propagators import textmap
from opentelemetry.trace import Span, Tracer
from opentelemetry.util.http import ExcludeList
from tornado.web import RequestHandler

from observability.client_address import addresses
from observability.instrumentation import UNTRACED_URLS
from observability.metrics import known_method
from observability.span_error import set_error, type_of

#: Untyped, and its private functions are what has to be mended.
official: Any = import_module("opentelemetry.instrumentation.tornado")

_GROUP = re.compile(r"\((?:\?P<(\w+)>)?[^()]*\)")


class _Activation:
    """Makes a span current for the rest of the request's own task. Every request has a task, and its context
    ends with it: nothing is ever detached."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context.attach(trace.set_span_in_context(span))

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if error is not None:
            self._span.record_exception(error)
            set_error(self._span, type_of(error), f"{type(error).__name__}: {error}")
        self._span.end()


def repair() -> None:
    """Replace the instrumentation's faulty functions; before it patches the first handler."""
    official._excluded_urls = ExcludeList([UNTRACED_URLS])
    official._start_span = _start_span
    official._log_exception = _log_exception
    official._record_prepare_metrics = official._record_on_finish_metrics = _no_metrics


def route_of(handler: RequestHandler) -> str:
    """Pattern of the route that led to a handler, such as `/orders/{order_id}`; empty when none did."""
    rule = find_matched_rule(handler)
    matcher = getattr(rule, "matcher", None)
    regex = getattr(matcher, "regex", None)
    return _route(str(regex.pattern), cast(Hashable, type(handler))) if regex is not None else ""


@cache
def _route(pattern: str, handler: Hashable) -> str:
    names = iter(_parameters(handler))
    return _GROUP.sub(
        lambda group: f"{{{group[1] or next(names, 'parameter')}}}", pattern.removesuffix("$")
    ).replace("\\", "")


def _parameters(handler: Any) -> list[str]:
    """Names of the path's parameters, as the first method that the handler implements has them."""
    for name in handler.SUPPORTED_METHODS:
        method = getattr(handler, name.lower())
        if method is not getattr(RequestHandler, name.lower()):
            return list(inspect.signature(method).parameters)[1:]
    return []


def _start_span(tracer: Tracer, handler: RequestHandler, mode: Any) -> Any:
    route = route_of(handler)
    method = known_method(handler.request.method or "")
    name = "HTTP" if method == "_OTHER" else method
    attributes = official._get_attributes_from_request(handler.request, mode)
    peer, forwarded_for = handler.request.remote_ip, handler.request.headers.get("X-Forwarded-For")
    attributes |= addresses(peer, forwarded_for)
    if route:
        attributes["http.route"] = route
    span, _token = official._start_internal_or_server_span(
        tracer=tracer,
        span_name=f"{name} {route}".rstrip(),
        start_time=time_ns(),
        context_carrier=handler.request.headers,
        context_getter=textmap.default_getter,
        attributes=attributes,
    )
    traced = official._TraceContext(_Activation(span), span, None)
    setattr(handler, official._HANDLER_CONTEXT_KEY, traced)
    return traced


def _log_exception(
    tracer: Tracer,
    _histograms: Any,
    mode: Any,
    log_exception: Any,
    handler: RequestHandler,
    args: Any,
    kwargs: Any,
) -> Any:
    """Log while the span is current; `on_finish` ends it, with the status that was answered.

    What is wrong with the request before `prepare` comes here without a span.
    """
    traced = hasattr(handler, official._HANDLER_CONTEXT_KEY) or handler._finished
    if not traced and not official._excluded_urls.url_disabled(handler.request.uri):
        _start_span(tracer, handler, mode)
    return log_exception(*args, **kwargs)


def _no_metrics(*_args: Any) -> None:
    """The hop has its own metrics, and for unknown methods the instrumentation's raise."""
