"""Reading a delivery of Rio: a CloudEvent 1.0 in an HTTP request, binary or structured mode, signed."""

import base64
import binascii
import hashlib
import hmac
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from broker.client.data import decode
from broker.cloudevents.attributes import faults_of, timestamp
from broker.cloudevents.event import NotCloudEvent, Parts
from broker.cloudevents.http_binding import from_headers
from broker.cloudevents.json_format import STRUCTURED, from_json
from broker.cloudevents.media_type import is_json

_PREFIX: Final = "whsec_"
_DELIVERY: Final = re.compile(r"[!-~]{1,255}")
_TIMESTAMP: Final = re.compile(r"[0-9]{1,12}")
_MAX_SIGNATURES: Final = 10
TOLERANCE_SECONDS: Final = 300.0


class BadSignature(ValueError):
    """The request does not prove that it comes from Rio; the caller answers 401."""


class BadEvent(ValueError):
    """The request is no CloudEvent with a JSON object as its data; the caller answers 400."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as a consumer sees it."""

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime
    """When it happened, to the microsecond; the time of reading when the event does not say."""
    data: dict[str, Any]
    """Numbers that no float says exactly as they are written are Decimals."""
    delivery: str | None = None
    """Rio's `webhook-id`: the same for every attempt to deliver the event to this path, another one for
    another path and for each replay. None where the request has none."""


def parse(headers: Mapping[str, str], body: bytes) -> Event:
    """Read an event from a request's headers (names in any case) and body, or raise BadEvent."""
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        parts = _parts(lowered, body)
        if errors := faults_of(parts.attributes, parts.content_type):
            raise NotCloudEvent("; ".join(f"{error['pointer'][2:]} {error['detail']}" for error in errors))
        attributes = parts.attributes
        happened = timestamp(attributes["time"]) if "time" in attributes else datetime.now(UTC)
        data = _data(parts)
    except BadEvent:
        raise
    except ValueError as error:
        raise BadEvent(f"not a CloudEvent: {error}") from error
    except RecursionError as error:
        raise BadEvent("not a CloudEvent: nested too deeply") from error
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        subject=attributes.get("subject"),
        time=happened,
        data=data,
        delivery=_delivery(lowered),
    )


def _delivery(headers: Mapping[str, str]) -> str | None:
    identity = headers.get("webhook-id")
    if identity is not None and not _DELIVERY.fullmatch(identity):
        raise BadEvent("webhook-id is not 1 to 255 printable ASCII characters")
    return identity


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secrets: Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> None:
    """Make sure that a request is signed as Standard Webhooks 1.0 says, or raise BadSignature.

    Args:
        headers: the request's, names in any case.
        body: the bytes as they came, before anything is parsed.
        secrets: those that are valid now, `whsec_...` each: two while one is being rotated.
        tolerance_seconds: how far the request's time may be from ours; an older one may be a replay.

    Raises ValueError for a secret that is none.
    """
    keys = [_key(secret) for secret in secrets]
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        identity, timestamp, signatures = (
            lowered[f"webhook-{name}"] for name in ("id", "timestamp", "signature")
        )
    except KeyError as error:
        raise BadSignature(f"without {error}") from None
    if not _TIMESTAMP.fullmatch(timestamp):
        raise BadSignature("webhook-timestamp is no number of seconds")
    if abs(time.time() - int(timestamp)) > tolerance_seconds:
        raise BadSignature("webhook-timestamp is too far from the time here")
    signed = f"{identity}.{timestamp}.".encode() + body
    expected = [hmac.digest(key, signed, hashlib.sha256) for key in keys]
    given = [found for text in signatures.split(" ")[:_MAX_SIGNATURES] for found in _signature(text)]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise BadSignature("no signature is right")


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not key or not secret.startswith(_PREFIX):
        raise ValueError(f"a webhook secret is {_PREFIX} and base64")
    return key


def _signature(text: str) -> list[bytes]:
    """The bytes of a `v1,<base64>`; none of anything else, such as another version's."""
    version, _, encoded = text.partition(",")
    try:
        return [base64.b64decode(encoded, validate=True)] if version == "v1" else []
    except (binascii.Error, ValueError):
        return []


def _parts(headers: Mapping[str, str], body: bytes) -> Parts:
    """The event as it was sent. The media type tells the mode: structured mode may have ce-* headers, too."""
    if headers.get("content-type", "").split(";")[0].strip().lower() == STRUCTURED:
        return from_json(body)
    if "ce-specversion" in headers:
        return from_headers(headers, body)
    raise NotCloudEvent(f"neither ce-specversion nor content type {STRUCTURED}")


def _data(parts: Parts) -> dict[str, Any]:
    if parts.content_type is not None and not is_json(parts.content_type):
        raise BadEvent("the event's data is no JSON object")
    data = decode(parts.data)
    if not isinstance(data, dict):
        raise BadEvent("the event's data is no JSON object")
    return data
