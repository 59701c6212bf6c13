"""JSON Schemas of event types over REST."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

from fastapi import Request, Response
from pydantic import Field

from broker.rio.admin.documents import Shown
from broker.rio.admin.parts import ApiParts, CurrentSender, Parts
from broker.rio.admin.route import SenderRoute, require_admin, resource
from broker.rio.model import event as events
from broker.rio.model.schema import Schema, Schemas
from broker.rio.model.sender import Sender
from broker.rio.store.schemas import StoredSchemas
from observability.http.problem import Problem

_SCHEMA: Final = {"schema": {"type": ["object", "boolean"]}}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"application/json": _SCHEMA, "application/schema+json": _SCHEMA},
    }
}

router = resource(SenderRoute)


class ShownSchema(Shown):
    """The schema of an event type."""

    type: str
    document: Any = Field(serialization_alias="schema", description="JSON Schema (2020-12) of the data")
    origin: Literal["catalog", "api"]


class ShownSchemas(Shown):
    """All schemas."""

    items: Sequence[ShownSchema]


@router.get("/schemas", summary="List the schemas of the event types that the sender may emit or read")
async def list_schemas(sender: CurrentSender, parts: ApiParts) -> ShownSchemas:
    known = [(type_, schema) for type_, schema in parts.schemas.all() if _concerns(sender, type_)]
    return ShownSchemas(items=[_shown(parts.schemas, type_, schema) for type_, schema in known])


@router.get("/schemas/{type_}", summary="Look at an event type's schema")
async def get_schema(type_: str, sender: CurrentSender, parts: ApiParts) -> ShownSchema:
    schema = parts.schemas.get(type_)
    if schema is None or not _concerns(sender, type_):
        raise Problem(404, "Schema not found")
    return _shown(parts.schemas, type_, schema)


@router.put(
    "/schemas/{type_}",
    summary="Register the JSON Schema (2020-12) of an event type's data",
    responses={201: {"model": ShownSchema}},
    openapi_extra=_BODY,
)
async def put_schema(
    type_: str, request: Request, response: Response, sender: CurrentSender, parts: ApiParts
) -> ShownSchema:
    require_admin(sender)
    if not events.valid_type(type_):
        raise Problem(422, "Not an event type", errors=[{"pointer": "#/type", "detail": "is no event type"}])
    _refuse_catalogs(parts, type_)
    schema = Schema(events.read_json(await request.body()))
    if await parts.stores.schemas.put(type_, schema.document):
        response.status_code = HTTPStatus.CREATED
    await refresh_schemas(parts.schemas, parts.stores.schemas)
    return _shown(parts.schemas, type_, schema)


@router.delete("/schemas/{type_}", summary="Forget an event type's schema", status_code=204)
async def delete_schema(type_: str, sender: CurrentSender, parts: ApiParts) -> None:
    require_admin(sender)
    _refuse_catalogs(parts, type_)
    if not await parts.stores.schemas.delete(type_):
        raise Problem(404, "Schema not found")
    await refresh_schemas(parts.schemas, parts.stores.schemas)


def _concerns(sender: Sender, type_: str) -> bool:
    """Whether the sender emits or reads events of the type."""
    return sender.may_emit(type_) or sender.may_read(type_)


def _shown(schemas: Schemas, type_: str, schema: Schema) -> ShownSchema:
    origin: Literal["catalog", "api"] = "catalog" if type_ in schemas.declared else "api"
    return ShownSchema(type=type_, document=schema.document, origin=origin)


def _refuse_catalogs(parts: Parts, type_: str) -> None:
    if type_ in parts.schemas.declared:
        raise Problem(409, "A schema of the catalog", detail="the catalog alone can change it")


async def refresh_schemas(schemas: Schemas, stored: StoredSchemas) -> None:
    """Know the schemas that PostgreSQL has by now."""
    schemas.replace(await stored.all())
