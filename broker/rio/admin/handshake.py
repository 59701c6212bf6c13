"""Asking a sink outside the platform whether it wants events: CloudEvents' webhook handshake.

https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md, section 4. The answer has to come
at once: a later permission by callback (WebHook-Request-Callback) is not offered to the sink.
"""

from typing import Final, Never
from urllib.parse import urlsplit

from broker.rio.delivery.egress import Sinks
from broker.rio.model.subscription import Subscription
from observability.http.client import Client, ClientError, Limits, Origin, Response
from observability.http.problem import Problem

ORIGIN: Final = "rio"
"""The value of WebHook-Request-Origin, which a sink's WebHook-Allowed-Origin has to repeat."""

_TIMEOUT_SECONDS: Final = 5.0
_LIMITS: Final = Limits(connections_per_origin=16, body_bytes=64 * 1024, cut=True, idle_seconds=1.0)
_SHOWN_CHARACTERS: Final = 200


class Handshake:
    """Asks sinks; one that does not agree is a Problem 422 that repeats what it said."""

    def __init__(self, sinks: Sinks) -> None:
        self._client = Client(_LIMITS, resolve=sinks.resolve)

    async def close(self) -> None:
        await self._client.close()

    async def ask(self, subscription: Subscription) -> None:
        """Return if the sink agrees to the subscription's deliveries at its rate, or raise Problem."""
        parts = urlsplit(subscription.sink)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = [("WebHook-Request-Origin", ORIGIN)]
        rate = subscription.policy.rate_per_second
        if rate is not None:
            headers.append(("WebHook-Request-Rate", str(max(1, round(rate * 60)))))
        try:
            answer = await self._client.request(
                Origin.of(subscription.sink), "OPTIONS", target, headers, timeout_seconds=_TIMEOUT_SECONDS
            )
        except (ClientError, ValueError) as error:
            _refuse("#/sink", f"the sink was asked and did not answer: {error}")
        self._check_origin(answer)
        self._check_rate(answer, rate)

    def _check_origin(self, answer: Response) -> None:
        if not 200 <= answer.status < 300:
            said = answer.body.decode("utf-8", "replace")[:_SHOWN_CHARACTERS]
            _refuse("#/sink", f"the sink was asked and answered {answer.status}: {said}")
        allowed = answer.headers.get("WebHook-Allowed-Origin")
        if allowed is None or allowed.strip() not in ("*", ORIGIN):
            said = "did not say so" if allowed is None else f"allows {allowed[:_SHOWN_CHARACTERS]}"
            _refuse("#/sink", f"the sink has to allow {ORIGIN} in WebHook-Allowed-Origin, and {said}")

    def _check_rate(self, answer: Response, rate: float | None) -> None:
        """WebHook-Allowed-Rate, in requests a minute, binds; absent or `*` it does not."""
        allowed = (answer.headers.get("WebHook-Allowed-Rate") or "*").strip()
        if allowed == "*":
            return
        if not (allowed.isascii() and allowed.isdigit() and int(allowed[:9]) > 0):
            _refuse("#/sink", f"the sink's WebHook-Allowed-Rate is no number: {allowed[:_SHOWN_CHARACTERS]}")
        most = int(allowed[:9]) / 60
        if rate is None or rate > most:
            detail = f"the sink allows {allowed[:9]} requests a minute: at most {most:g}"
            _refuse("#/config/rate_per_second", detail)


def _refuse(pointer: str, detail: str) -> Never:
    errors = [{"pointer": pointer, "detail": detail}]
    raise Problem(422, "The sink does not agree", detail=detail, errors=errors)
