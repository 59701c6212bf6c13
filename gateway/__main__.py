"""`python -m gateway`: start the gateway's processes."""

import asyncio
import os
import sys

from gateway.app import serve
from gateway.processes import fork
from gateway.settings import Settings, SettingsError
from observability import setup
from observability.frameworks import tornado as hop_tornado


def main() -> int:
    try:
        settings = Settings.load()
        settings.credential()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 1
    index = fork(len(settings.ports))
    os.environ["SERVICE_INSTANCE_ID"] = f"gateway-{index + 1}"
    # After the fork: exporter threads do not survive one.
    hop = setup("gateway")
    hop_tornado.instrument()
    try:
        asyncio.run(serve(settings, index, hop))
    finally:
        hop.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
