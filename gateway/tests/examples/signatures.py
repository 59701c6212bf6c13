"""Responses are signed: HTTP Message Signatures (RFC 9421) over status and Content-Digest (RFC 9530)."""

import time
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from hmac import digest
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gateway.config.route import Route
from gateway.messages import Handler, Request, Response


class SignResponses:
    """Middleware: sign responses with a key that caller and gateway share."""

    class Options(BaseModel):
        """The key: a file that holds it, and the id that callers know it by."""

        model_config = ConfigDict(extra="forbid")

        key_file: Path
        key_id: str

    def __init__(self, options: Options) -> None:
        self._key = options.key_file.read_bytes()
        self._key_id = options.key_id

    def __call__(self, handler: Handler, route: Route) -> Handler:
        if route.kind == "proxy":
            raise ValueError("the body of a proxied response is not there as a whole, and cannot be signed")

        async def signed(request: Request) -> Response:
            response = await handler(request)
            return replace(response, headers=[*response.headers, *self._signature(response)])

        return signed

    def _signature(self, response: Response) -> list[tuple[str, str]]:
        assert isinstance(response.body, bytes)
        content = f"sha-256=:{b64encode(sha256(response.body).digest()).decode()}:"
        parameters = f'("@status" "content-digest");created={int(time.time())};keyid="{self._key_id}"'
        lines = (
            f'"@status": {response.status}\n"content-digest": {content}\n"@signature-params": {parameters}'
        )
        signature = b64encode(digest(self._key, lines.encode(), "sha256")).decode()
        return [
            ("Content-Digest", content),
            ("Signature-Input", f"gateway={parameters}"),
            ("Signature", f"gateway=:{signature}:"),
        ]
