"""The access lines of requests."""

from typing import NamedTuple

from msgspec import UNSET, UnsetType

from observability.logs import LogLine


class AccessLine(LogLine, gc=False):
    """The line of a request. Of its last fields each hop has those that it knows."""

    method: str
    path: str
    route: str
    status: int
    duration_ms: float
    caller: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    client: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    user_agent_synthetic_type: str | UnsetType = UNSET


class ConnectionLine(AccessLine, gc=False):
    """The line of a request whose connection was kept open; `duration_ms` is the connection's whole life."""

    end_reason: str | UnsetType = UNSET
    bytes_to_client: int | UnsetType = UNSET
    bytes_to_service: int | UnsetType = UNSET


class ConnectionEnd(NamedTuple):
    """How a connection that was kept open behind the head of its answer ended.

    Attributes:
        end_reason: which side ended it, or why the hop did.
    """

    end_reason: str
    bytes_to_client: int
    bytes_to_service: int
