"""Reading a delivery of Rio: a CloudEvent 1.0 in an HTTP request, binary or structured mode, signed."""

import base64
import binascii
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

_REQUIRED: Final = ("specversion", "id", "source", "type")
_STRUCTURED: Final = "application/cloudevents+json"


_PREFIX: Final = "whsec_"
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
    """When it happened; the time of reading when the event does not say."""
    data: dict[str, Any]


def parse(headers: Mapping[str, str], body: bytes) -> Event:
    """Read an event from a request's headers (names in any case) and body, or raise BadEvent."""
    lowered = {name.lower(): value for name, value in headers.items()}
    try:
        _require_attributes(lowered, body)
        event = from_http(HTTPMessage(headers=_event_headers(lowered), body=body), JSONFormat(), CloudEvent)
    except BadEvent:
        raise
    except (BaseCloudEventException, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise BadEvent(f"not a CloudEvent: {error}") from error
    except RecursionError as error:
        raise BadEvent("not a CloudEvent: nested too deeply") from error
    return _consumed(event)


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


def _require_attributes(headers: Mapping[str, str], body: bytes) -> None:
    """Refuse what the cloudevents package would fill in by itself: a made-up id is no identity."""
    if "ce-specversion" in headers:
        present = {name.removeprefix("ce-") for name in headers if name.startswith("ce-")}
    elif headers.get("content-type", "").split(";")[0].strip().lower() == _STRUCTURED:
        document = json.loads(body)
        if not isinstance(document, dict):
            raise BadEvent("not a CloudEvent: the document is no JSON object")
        present = set(document)
    else:
        raise BadEvent(f"not a CloudEvent: neither ce-specversion nor content type {_STRUCTURED}")
    if missing := [name for name in _REQUIRED if name not in present]:
        raise BadEvent(f"not a CloudEvent: without {', '.join(missing)}")


def _event_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Only the event's own headers; stray ce-* ones must not turn a structured event into a binary one."""
    if "ce-specversion" not in headers:
        return {"content-type": headers["content-type"]}
    return {
        name: value for name, value in headers.items() if name.startswith("ce-") or name == "content-type"
    }


def _consumed(event: Any) -> Event:
    data = event.get_data()
    if not isinstance(data, dict):
        raise BadEvent("the event's data is no JSON object")
    return Event(
        id=event.get_id(),
        source=event.get_source(),
        type=event.get_type(),
        subject=event.get_subject(),
        time=event.get_time(),
        data=data,
    )
