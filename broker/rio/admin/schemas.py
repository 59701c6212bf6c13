"""JSON Schemas of event types over REST."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, Literal

from pydantic import Field

from broker.rio.admin.description import Shown, operation, show
from broker.rio.admin.handler import RioHandler, available
from broker.rio.model import event as events
from broker.rio.model.schema import Schema, Schemas
from broker.rio.model.sender import Senders
from broker.rio.store.schemas import StoredSchemas
from observability.http.problem import Problem

_SCHEMA: Final[dict[str, Any]] = {"type": ["object", "boolean"]}


class ShownSchema(Shown):
    """The schema of an event type."""

    type: str
    document: Any = Field(serialization_alias="schema", description="JSON Schema (2020-12) of the data")
    origin: Literal["catalog", "api"]


class ShownSchemas(Shown):
    """All schemas."""

    items: Sequence[ShownSchema]


class _SchemaResource(RioHandler):
    """JSON Schemas of event types."""

    def initialize(self, senders: Senders, schemas: Schemas, stored_schemas: StoredSchemas) -> None:
        self.senders = senders
        self.schemas = schemas
        self.stored_schemas = stored_schemas


class SchemasHandler(_SchemaResource):
    """/schemas."""

    @operation(
        "List the schemas of the event types that the sender may emit or read", answers={200: ShownSchemas}
    )
    @available
    async def get(self) -> None:
        known = [(type_, schema) for type_, schema in self.schemas.all() if self._concerns(type_)]
        show(self, ShownSchemas(items=[self._shown(type_, schema) for type_, schema in known]))

    def _concerns(self, type_: str) -> bool:
        """Whether the sender emits or reads events of the type."""
        return self.sender.may_emit(type_) or self.sender.may_read(type_)

    def _shown(self, type_: str, schema: Schema) -> ShownSchema:
        origin: Literal["catalog", "api"] = "catalog" if type_ in self.schemas.declared else "api"
        return ShownSchema(type=type_, document=schema.document, origin=origin)


class SchemaHandler(SchemasHandler):
    """/schemas/{type}."""

    @operation("Look at an event type's schema", answers={200: ShownSchema})
    @available
    async def get(self, type_: str) -> None:
        schema = self.schemas.get(type_)
        if schema is None or not self._concerns(type_):
            raise Problem(404, "Schema not found")
        show(self, self._shown(type_, schema))

    @operation(
        "Register the JSON Schema (2020-12) of an event type's data",
        body={"application/json": _SCHEMA, "application/schema+json": _SCHEMA},
        answers={200: ShownSchema, 201: ShownSchema},
    )
    @available
    async def put(self, type_: str) -> None:
        self.require_admin()
        if not events.valid_type(type_):
            raise Problem(
                422, "Not an event type", errors=[{"pointer": "#/type", "detail": "is no event type"}]
            )
        self._refuse_catalogs(type_)
        schema = Schema(events.read_json(self.request.body))
        created = await self.stored_schemas.put(type_, schema.document)
        await refresh_schemas(self.schemas, self.stored_schemas)
        show(self, self._shown(type_, schema), HTTPStatus.CREATED if created else HTTPStatus.OK)

    @operation("Forget an event type's schema", answers={204: None})
    @available
    async def delete(self, type_: str) -> None:
        self.require_admin()
        self._refuse_catalogs(type_)
        if not await self.stored_schemas.delete(type_):
            raise Problem(404, "Schema not found")
        await refresh_schemas(self.schemas, self.stored_schemas)
        self.set_status(204)

    def _refuse_catalogs(self, type_: str) -> None:
        if type_ in self.schemas.declared:
            raise Problem(409, "A schema of the catalog", detail="the catalog alone can change it")


async def refresh_schemas(schemas: Schemas, stored: StoredSchemas) -> None:
    """Know the schemas that PostgreSQL has by now."""
    schemas.replace(await stored.all())
