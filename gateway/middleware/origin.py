"""The origins whose pages may open WebSockets: browsers ask for them without asking by CORS first."""

from gateway.config.route import Route
from gateway.cors import Cors
from gateway.long_lived import handshake
from gateway.messages import Handler, Request, Response
from observability.http.problem import Problem


class OriginCheck:
    """Middleware: 403 for a WebSocket that a page of another origin asks for than CORS and the host allow."""

    def __init__(self, cors: Cors) -> None:
        self._cors = cors

    def __call__(self, handler: Handler, route: Route) -> Handler:
        if not route.has_websocket:
            return handler

        async def checked(request: Request) -> Response:
            headers = request.headers
            if handshake.asks(headers) and not self._cors.admits(headers):
                raise Problem(403, detail="Pages of this origin may not open a WebSocket here.")
            return await handler(request)

        return checked
