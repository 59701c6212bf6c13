"""One delivery attempt: a CloudEvent, signed, posted to a subscription's sink.

In binary mode if its attributes fit into the headers that servers take, otherwise in structured mode.
"""

import math
import time
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from opentelemetry.trace import SpanContext, SpanKind, Tracer

from broker.cloudevents.http_binding import UNENCODED, encoded_header
from broker.cloudevents.json_format import STRUCTURED, to_json
from broker.rio.delivery.egress import Sinks
from broker.rio.delivery.signing import ROTATION, Secrets, webhook_id
from broker.rio.model.event import Event
from broker.rio.model.subscription import Subscription
from broker.rio.tracing import headers_of
from observability.http.client import Client, ClientError, Limits, Origin
from observability.http.retry_after import read_retry_after
from observability.span_error import set_error, type_of
from observability.tracer import Template

# Of what a sink answers its status counts, however long the body is.
_LIMITS: Final = Limits(connections_per_origin=256, body_bytes=1024 * 1024, cut=True, connect_seconds=2.0)
_EXCERPT_BYTES: Final = 2048
# Servers have room for some 8 KiB of headers and a hundred of them, often not for more: what has larger
# attributes goes in structured mode.
_MAX_HEADERS_BYTES: Final = 6144
_MAX_HEADERS: Final = 40


class SinkAnswer(NamedTuple):
    """A sink's response to an attempt, or the reason why there is none."""

    status: int | None
    """None when there was no usable answer; `text` then says why."""
    text: str
    """The start of the answer's body."""
    seconds: float
    retry_after_seconds: float | None = None
    """For how long the sink asked to be left alone (Retry-After)."""
    failure: str | None = None
    """The class of the error that there is no usable answer for."""

    @property
    def reason(self) -> str:
        """The response in one line, for logs, dead letters and the delivery history."""
        return self.text[:300] if self.status is None else f"the sink answered {self.status}"

    @property
    def error_type(self) -> str | None:
        """The failure in one of few words; None where the sink took the event."""
        if self.status is None:
            return self.failure
        return str(self.status) if self.status >= 400 else None

    @property
    def is_from_working_sink(self) -> bool:
        """Whether the sink works, even if it refused the event."""
        return self.status is not None and self.status < 500 and self.status != 429


@dataclass(frozen=True, slots=True)
class WebhookContext:
    """The addresses, credentials and clients that the webhooks of all subscriptions share."""

    services_url: str
    """Of services nginx, which sinks that are paths are behind."""
    credential: str
    """By which services nginx admits Rio; no other sink gets it."""
    sinks: Sinks
    secrets: Secrets
    tracer: Tracer


class Webhook:
    """Posts a subscription's events, over connections that no other subscription shares."""

    def __init__(self, subscription: Subscription, context: WebhookContext) -> None:
        self._context = context
        self._client = Client(_LIMITS, resolve=context.sinks.resolve if subscription.external else None)
        url = (
            subscription.sink
            if subscription.external
            else context.services_url.rstrip("/") + subscription.sink
        )
        parts = urlsplit(url)
        self._origin = Origin.of(url)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._constant = [] if subscription.external else [("X-Platform-Credential", context.credential)]
        self._constant.append(("User-Agent", "Rio"))
        attributes: dict[str, str | int] = {
            "http.request.method": "POST",
            "server.address": self._origin.host,
            "server.port": self._origin.port,
            "url.full": f"{self._origin}{parts.path or '/'}",  # a query may hold a secret
        }
        if not subscription.external:
            attributes["peer.service"] = subscription.sink.split("/")[1]  # its path begins so
        self._spans = Template(context.tracer, "POST", SpanKind.CLIENT, attributes)
        self._timeout_seconds = subscription.policy.timeout_seconds
        self.follow(subscription)

    def follow(self, subscription: Subscription) -> None:
        """Sign with the secrets that the subscription has now: they may have been rotated."""
        self._subscription = subscription
        self._signers = self._context.secrets.signers(subscription)
        both = subscription.rotated_at if len(self._signers) > 1 else None
        self._both_until = math.inf if both is None else (both + ROTATION).timestamp()

    async def close(self) -> None:
        await self._client.close()

    async def post(self, event: Event, parent: SpanContext, replay: int | None = None) -> SinkAnswer:
        """Post the event, in a span of the request's own below the parent. Redirects are not followed.

        `replay`: the number of the replay that the event is sent again by.
        """
        span = self._spans.start(parent)
        try:
            answer = await self._request(event, headers_of(span), replay)
            if answer.status is not None:
                span.set_attribute("http.response.status_code", answer.status)
            if answer.error_type is not None:
                set_error(span, answer.error_type, answer.reason)
            return answer
        finally:
            span.end()

    async def _request(self, event: Event, trace: dict[str, str], replay: int | None) -> SinkAnswer:
        attributes, body = _content(event)
        headers = self._headers(event, trace, attributes, body, replay)
        started = time.monotonic()
        try:
            response = await self._client.request(
                self._origin,
                "POST",
                self._target,
                headers,
                body,
                timeout_seconds=self._timeout_seconds,
            )
        except (ClientError, OSError, ValueError) as error:
            seconds = time.monotonic() - started
            return SinkAnswer(None, f"{type(error).__name__}: {error}", seconds, failure=type_of(error))
        seconds = time.monotonic() - started
        if 200 <= response.status < 300:
            return SinkAnswer(response.status, "", seconds)
        text = response.body[:_EXCERPT_BYTES].decode("utf-8", "replace")
        retry_after = response.headers.get("Retry-After")
        asked = read_retry_after(retry_after) if retry_after else None
        return SinkAnswer(response.status, text, seconds, asked)

    def _headers(
        self,
        event: Event,
        trace: dict[str, str],
        attributes: list[tuple[str, str]],
        body: bytes,
        replay: int | None,
    ) -> list[tuple[str, str]]:
        headers = [*self._constant, *trace.items(), *attributes]
        now = time.time()
        if now >= self._both_until:
            self.follow(self._subscription)
        message_id, timestamp = webhook_id(self._subscription.sink, event, replay), str(int(now))
        if replay is not None:
            headers.append(("Rio-Replay", str(replay)))
        signature = " ".join([one.sign(message_id, timestamp, body) for one in self._signers])
        headers += (
            ("X-RIO-EVENT", event.type),
            ("webhook-id", message_id),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        )
        return headers


def _content(event: Event) -> tuple[list[tuple[str, str]], bytes]:
    """An event as HTTP headers and a body."""
    attributes = event.attributes
    joined = "".join(attributes.values())
    if len(joined) + len("".join(attributes)) > _MAX_HEADERS_BYTES or len(attributes) > _MAX_HEADERS:
        return _structured(event)
    if UNENCODED.fullmatch(joined) is not None:
        headers = [(f"ce-{name}", value) for name, value in attributes.items()]
    else:
        headers = [(f"ce-{name}", encoded_header(value)) for name, value in attributes.items()]
        if sum(len(value) for _, value in headers) > _MAX_HEADERS_BYTES:
            return _structured(event)
    if event.content_type is not None:
        headers.append(("Content-Type", event.content_type))
    return headers, event.body


def _structured(event: Event) -> tuple[list[tuple[str, str]], bytes]:
    return [("Content-Type", STRUCTURED)], to_json(event.attributes, event.content_type, event.body)
