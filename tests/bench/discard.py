"""Takes telemetry and lets go of it: `python -m tests.bench.discard OTLP_PORT FLUENT_PORT`."""

import asyncio
import re
import sys

from tornado.web import Application, RequestHandler

#: The end of a message of log records: its options, which name the chunk to acknowledge. It is searched for,
#: not parsed: a server that costs as much as the sender would be measured with it.
_CHUNK = re.compile(rb"\x81\xa5chunk([\xa0-\xbf][\w-]{22})$")


class Spans(RequestHandler):
    """OTLP over HTTP."""

    def post(self) -> None:
        self.set_status(200)


async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read log records, and acknowledge them, until their sender goes."""
    end = b""
    while more := await reader.read(1 << 20):
        end = (end + more)[-64:]
        if found := _CHUNK.search(end):
            writer.write(b"\x81\xa3ack" + found[1])
    writer.close()


async def main(http_port: int, logs_port: int) -> None:
    """Serve both until killed."""
    Application([(".*", Spans)]).listen(http_port, "127.0.0.1")
    await (await asyncio.start_server(swallow, "127.0.0.1", logs_port)).serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
