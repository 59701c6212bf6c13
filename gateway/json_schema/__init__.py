"""Values of any client checked against JSON Schemas, in a bounded time whatever they are."""

from gateway.json_schema.schema import Fault, Schema
from gateway.json_schema.stepwise import TooMuch

__all__ = ["Fault", "Schema", "TooMuch"]
