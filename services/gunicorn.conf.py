"""gunicorn for one instance of a service: one process, so that it has one Prometheus registry.

More capacity is more instances in the manifest; services nginx balances over them.
"""

import os
from typing import Any

bind = f"{os.environ['HOST']}:{os.environ['PORT']}"
workers = 1
worker_class = "services.chassis.worker.Worker"
threads = 8
backlog = 256
worker_connections = 256
# Seconds.
timeout = 30  # a worker that shows no sign of life is replaced
graceful_timeout = 10  # requests in progress at SIGTERM
keepalive = 75  # longer than services nginx keeps an idle connection
# Bytes, and a number of headers: more than services nginx passes on, which bounds them, so that nothing is
# refused here that was let in at the edge. 0 is no bound: gunicorn's highest is less than a target may have.
limit_request_line = 0
limit_request_fields = 200
limit_request_field_size = 16384

accesslog = None  # observability logs requests, and takes over gunicorn's own log in the worker
control_socket_disable = True


def worker_exit(_server: Any, _worker: Any) -> None:
    """Send what telemetry is left."""
    import observability  # here, because gunicorn's own process does without it

    try:
        observability.current().shutdown()
    except LookupError:
        return  # the worker ended before it served
