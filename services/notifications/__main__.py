"""Serves the application with uvicorn on HOST and PORT, until SIGTERM."""

import os

import uvicorn

from observability.frameworks.uvicorn import ProblemProtocol

if __name__ == "__main__":
    uvicorn.run(
        "services.notifications.app:create_app",
        factory=True,
        host=os.environ["HOST"],
        port=int(os.environ["PORT"]),
        h11_max_incomplete_event_size=96 * 1024,  # bytes of a head: more than services nginx passes on
        http=ProblemProtocol,
        log_config=None,  # observability logs,
        access_log=False,  # requests too
        server_header=False,
        proxy_headers=False,  # the address of the peer stays known: the span names both
        limit_concurrency=256,
        timeout_keep_alive=75,  # longer than services nginx keeps an idle connection
        timeout_graceful_shutdown=10,
    )
