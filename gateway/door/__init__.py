"""What a request passes before anything is done for it: one concern a module."""

from gateway.door.caller import Caller

__all__ = ["Caller"]
