import asyncio
import logging
import signal
import sys

from tornado.web import Application, HTTPError

from observability import setup
from observability.frameworks import tornado as hop_tornado
from observability.frameworks.malformed import ProblemServer
from observability.http.problem import Problem


class Thing(hop_tornado.Handler):
    def get(self, thing_id: str) -> None:
        logging.getLogger("probe").info("Looked at a thing", extra={"thing_id": int(thing_id)})
        self.finish({"id": int(thing_id)})


class Things(hop_tornado.Handler):
    def post(self) -> None:
        self.set_status(201)
        self.finish(self.json_body())


class Conflict(hop_tornado.Handler):
    def get(self) -> None:
        raise Problem(
            409, "Taken", errors=[{"pointer": "#/a", "detail": "taken"}], headers={"Retry-After": "7"}
        )


class Refused(hop_tornado.Handler):
    def get(self) -> None:
        raise HTTPError(403)


class Crash(hop_tornado.Handler):
    async def get(self) -> None:
        await asyncio.sleep(0)
        raise RuntimeError("the inside")


class Elsewhere(hop_tornado.Handler):
    """Finishes from a task of its own, whose context is another."""

    async def get(self) -> None:
        await asyncio.create_task(self.reply())

    async def reply(self) -> None:
        self.finish({})


async def serve(port: int) -> None:
    telemetry = setup("probe")
    application = Application(
        [
            (r"/things/(\d+)", Thing),
            (r"/things", Things),
            (r"/problem", Conflict),
            (r"/refused", Refused),
            (r"/crash", Crash),
            (r"/elsewhere", Elsewhere),
        ]
    )
    hop_tornado.instrument(application, telemetry)
    server = ProblemServer(application)
    server.listen(port, "127.0.0.1")
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await stopping.wait()
    server.stop()
    await hop_tornado.drain(2.0)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
