"""`python -m gateway`: start the gateway's processes, or only check what they would start with."""

import argparse
import gc
import os
import resource
import sys

import uvloop

from gateway.app import serve
from gateway.config.reload import check
from gateway.config.settings import Settings
from gateway.invalidations import Invalidations
from gateway.processes import fork
from gateway.rate_limiter import RateLimiter
from observability import setup
from observability.configuration.errors import ConfigurationError

#: Requests leave hardly any cycles behind; Python's own threshold has each of them pay for a search.
COLLECT_AFTER = (20_000, 20, 50)


def main() -> int:
    """Start, or check; the exit code is 1 when the configuration cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m gateway", description="The public API.")
    parser.add_argument("--check", action="store_true", help="check configuration and routes, start nothing")
    parser.add_argument("--mock", action="store_true", help="answer every route with its example")
    options = parser.parse_args()
    try:
        settings = Settings.read()
        settings.credential()
        check(settings)  # before anything is forked: faults stop the start, once
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    return 0 if options.check else _run(settings, options.mock)


def _run(settings: Settings, mock: bool) -> int:
    # Before the fork: all processes share them.
    limiter, invalidations = RateLimiter(), Invalidations()
    index = fork(len(settings.ports))
    # A process that is started again later must know the services that the others have read since.
    settings = settings.model_copy(update={"services": Settings.read().services})
    os.environ["SERVICE_INSTANCE_ID"] = f"{os.environ.get('SERVICE_INSTANCE_ID', 'gateway')}-{index + 1}"
    # Every connection is a file: the bulkheads are to bound them, not the default of a shell.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # After the fork: exporter threads do not survive one.
    telemetry = setup("gateway")
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        uvloop.run(serve(settings, index, telemetry, limiter, invalidations, mock=mock))
    finally:
        telemetry.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
