"""One request and its answer, whatever becomes of whoever asked."""

from pathlib import Path

from tornado.httputil import HTTPHeaders

from gateway.messages import Headers
from gateway.tests.api import answering, running
from gateway.tests.services import hang, until
from observability import Telemetry

ROUTES = """\
routes:
  - {id: get, method: GET, path: /f, proxy: {service: orders, path: /files}}
"""


class Cut:
    """The end of a connection that takes no answer."""

    def __init__(self) -> None:
        self.was_cut = False

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        raise AssertionError("nobody is there")

    async def start(self, status: int, headers: Headers) -> None:
        raise AssertionError("nobody is there")

    async def write(self, piece: bytes) -> None:
        raise AssertionError("nobody is there")

    def end(self) -> None:
        raise AssertionError("nobody is there")

    def answered(self) -> None:
        raise AssertionError("nobody is there")

    def cut(self) -> None:
        self.was_cut = True


async def test_who_goes_away_at_once_leaves_nothing_under_way(telemetry: Telemetry, tmp_path: Path) -> None:
    async with running(telemetry, tmp_path, ROUTES, answering({"/files": hang})) as api:
        wire = Cut()
        asked = api.pipeline.receive(wire, "GET", "/f", HTTPHeaders(), "127.0.0.1")
        asked.begin()
        asked.gone()
        await until(lambda: not api.pipeline.in_flight.count)
        assert wire.was_cut
        assert not api.service.asked
