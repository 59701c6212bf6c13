"""Request targets in absolute form, which a server has to accept (RFC 9112, section 3.2.2)."""

from typing import Any, Final
from urllib.parse import urlsplit

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)

from observability.frameworks.malformed import ProblemServer

_SCHEMES: Final = ("http://", "https://")


class AbsoluteFormServer(ProblemServer):
    """A server that takes `GET http://host/path` for `GET /path` with `Host: host`."""

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _OriginForm(super().start_request(server_conn, request_conn))


class _OriginForm(HTTPMessageDelegate):
    """Passes a request on with its target in origin form."""

    def __init__(self, inner: HTTPMessageDelegate) -> None:
        self._inner = inner

    def headers_received(self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders) -> Any:
        if isinstance(start_line, RequestStartLine) and start_line.path.lower().startswith(_SCHEMES):
            parts = urlsplit(start_line.path)
            headers["Host"] = parts.netloc
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            start_line = start_line._replace(path=target)
        return self._inner.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Any:
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        self._inner.finish()

    def on_connection_close(self) -> None:
        self._inner.on_connection_close()
