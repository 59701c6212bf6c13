"""Headers of requests and responses edited as the file of routes says.

```yaml
middleware:
  - use: gateway.middleware.headers.EditHeaders
    after: jwt
    options:
      request: {remove: [Cookie]}
      response: {set: {X-Frame-Options: DENY}, rename: {X-Old: X-New}}
```
"""

import re
from dataclasses import replace
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict
from tornado.httputil import HTTPHeaders

from gateway.caller.internal_headers import is_internal
from gateway.config.route import Route
from gateway.messages import Handler, Headers, Request, Response
from observability.http.problem import Problem

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE: Final = re.compile(r"([!-~]([\t -~]*[!-~])?)?")
#: Headers that say where a message ends, and its host.
_FRAMING: Final = frozenset(
    {"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("is no header's name")
    name: str = HTTPHeaders({text: ""}).popitem()[0]
    if text.lower() in _FRAMING or is_internal(name):
        raise ValueError("is for the gateway alone to set")
    return name


def _value(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise ValueError("has to be a text of printable ASCII without white space around it")
    return text


Name = Annotated[str, AfterValidator(_name)]
Value = Annotated[str, AfterValidator(_value)]


class Edits(BaseModel):
    """Changes of headers, applied in this order.

    Attributes:
        rename: the values of a header move to another name, in place of what that had.
        remove: headers that go.
        set: a header has this value and no other.
        add: a header has this value, too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rename: dict[Name, Name] = {}
    remove: tuple[Name, ...] = ()
    set: dict[Name, Value] = {}
    add: dict[Name, Value] = {}

    def edit(self, headers: HTTPHeaders) -> None:
        """Edit headers where they are."""
        for old, new in self.rename.items():
            if values := headers.get_list(old):
                del headers[old]
                headers.pop(new, None)
                for value in values:
                    headers.add(new, value)
        for name in self.remove:
            headers.pop(name, None)
        for name, value in self.set.items():
            headers[name] = value
        for name, value in self.add.items():
            headers.add(name, value)

    def edited(self, headers: Headers) -> Headers:
        """Other headers, edited."""
        found = HTTPHeaders()
        for name, value in headers:
            found.add(name, value)
        self.edit(found)
        return list(found.get_all())


class EditHeaders:
    """Middleware: edit the headers of requests on their way in, and of responses on their way out."""

    class Options(BaseModel):
        """The edits of each way."""

        model_config = ConfigDict(extra="forbid", frozen=True)

        request: Edits = Edits()
        response: Edits = Edits()

    def __init__(self, options: Options) -> None:
        self._request = options.request
        self._response = options.response

    def __call__(self, handler: Handler, route: Route) -> Handler:
        async def editing(request: Request) -> Response:
            self._request.edit(request.headers)
            try:
                response = await handler(request)
            except Problem as problem:
                raise problem.with_headers(self._edited(problem)) from problem
            return replace(response, headers=self._response.edited(response.headers))

        return editing

    def _edited(self, problem: Problem) -> dict[str, str]:
        """The headers of a problem, edited; those of one name in one line, and its own media type."""
        found: dict[str, str] = {}
        for name, value in self._response.edited(list(problem.headers.items())):
            if name != "Content-Type":
                found[name] = f"{found[name]}, {value}" if name in found else value
        return found
