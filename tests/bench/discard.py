"""Takes telemetry and lets go of it: `python -m tests.bench.discard OTLP_PORT FLUENT_PORT`."""

import asyncio
import sys

from tornado.web import Application, RequestHandler


class Spans(RequestHandler):
    """OTLP over HTTP."""

    def post(self) -> None:
        self.set_status(200)


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read log records until their sender goes."""
    while await reader.read(1 << 20):
        pass
    writer.close()


async def main(http_port: int, logs_port: int) -> None:
    """Serve both until killed."""
    Application([(".*", Spans)]).listen(http_port, "127.0.0.1")
    await (await asyncio.start_server(swallow, "127.0.0.1", logs_port)).serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
