"""What a request passes before anything is done for it: one concern a module."""

from gateway.door.caller import Caller
from gateway.door.door import Door

__all__ = ["Caller", "Door"]
