"""Refusing events whose data does not follow the JSON Schema of their type."""

from broker.rio.ingest.messages import Outcome
from broker.rio.model.event import Event
from broker.rio.model.schema import Schemas
from broker.rio.model.sender import Sender


class SchemaValidation:
    """Checks data against the schema of the event's type, where it has one."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def check(self, _: Sender, event: Event) -> Outcome:
        """422 for data that the schema refuses."""
        schema = self._schemas.get(event.type)
        return None if schema is None else schema.check(event)
