"""The resource of a process: which service, which process of it, and on which machine."""

import os
import platform
import socket
import sys

from opentelemetry.sdk.resources import Resource
from opentelemetry.util.types import AnyValue

from observability.settings import Settings


def resource_of(settings: Settings) -> Resource:
    """The attributes of all spans of this process. A command's words are none: they may hold secrets."""
    own: dict[str, AnyValue] = {
        "service.name": settings.service,
        "service.version": settings.version,
        "service.instance.id": settings.instance_id,
        "deployment.environment.name": settings.environment,
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "process.executable.name": os.path.basename(sys.executable),
        "process.runtime.name": sys.implementation.name,
        "process.runtime.version": platform.python_version(),
    }
    return Resource.create({**settings.attributes, **own})
