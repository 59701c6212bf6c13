"""The short form of emitting: `POST /event/{project}/emit/{action}` with JSON, a form or nothing."""

import json
import re
from typing import Final
from urllib.parse import parse_qsl
from uuid import uuid4

from tornado.httputil import HTTPHeaders

from broker.rio.model import event as events
from broker.rio.model.event import Event
from broker.rio.model.sender import Sender
from observability.http.problem import Problem

SHORT_ROUTE: Final = "/event/{project}/emit/{action}"
PROJECT: Final = "[A-Za-z0-9_-]+"
ACTION: Final = "[A-Za-z0-9_.-]+"
SHORT: Final = re.compile(f"/event/({PROJECT})/emit/({ACTION})")
MAX_KEY: Final = 255
"""Characters of the event's id."""

_FORM: Final = "application/x-www-form-urlencoded"
_MAX_FIELDS: Final = 1000


def parse_short(
    project: str, action: str, headers: HTTPHeaders, media: str, body: bytes, sender: Sender
) -> Event:
    """The event of a short form; its source is the project's where the sender may use that, else its own.

    Raises:
        Problem: 400 or 415.
    """
    content_type, data = _data(media, body)
    key = headers.get("ce-id") or headers.get("idempotency-key", "").strip('"')
    if len(key) > MAX_KEY:
        raise Problem(400, "Invalid idempotency-key", detail=f"at most {MAX_KEY} characters")
    source = f"/{project}" if sender.may_use_source(f"/{project}") else f"/{sender.name}"
    attributes = {"id": key or str(uuid4()), "source": source, "type": f"{project}.{action}"}
    return events.make_event(attributes, content_type, data)


def _data(media: str, body: bytes) -> tuple[str | None, bytes]:
    """Content type and bytes of the event's data: JSON as it came, a form as a JSON object."""
    if not body:
        return None, b""
    # curl says `form` of whatever -d is given; no form begins like a JSON object or array.
    if media == _FORM and body[:1] not in (b"{", b"["):
        return "application/json", json.dumps(_fields(body), ensure_ascii=False).encode()
    if media in (_FORM, "application/json", "") or media.endswith("+json"):
        events.require_json(body)
        return "application/json" if media == _FORM else media or "application/json", body
    raise Problem(415, "Neither JSON nor a form", detail=f"send application/json or {_FORM}")


def _fields(body: bytes) -> dict[str, str | list[str]]:
    """A form's fields; one that is there several times is a list."""
    try:
        pairs = parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
        )
    except ValueError as error:
        raise Problem(400, "Malformed form", detail=str(error)[:200]) from error
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
