"""`OPTIONS`: the methods of a path, and whether scripts of other origins may use it (CORS preflight)."""

from gateway.config.router import Router
from gateway.cors import Cors
from gateway.messages import Request, Response


class Options:
    """Answers for every path of a router, and with `*` for the gateway as a whole."""

    def __init__(self, router: Router, cors: Cors) -> None:
        self._router = router
        self._cors = cors

    async def respond(self, request: Request) -> Response:
        """204 with `Allow`.

        Raises:
            Problem: 404 where no route has the path.
        """
        router = self._router
        allow = router.all_methods if request.path == "*" else router.methods(request.path)
        preflight = self._cors.preflight(request.headers, allow.split(", "))
        return Response(204, [("Allow", allow), *(preflight or ())])
