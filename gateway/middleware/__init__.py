"""What a request passes before anything is done for it: one concern a module."""

from gateway.caller import Caller
from gateway.middleware.door import Door

__all__ = ["Caller", "Door"]
