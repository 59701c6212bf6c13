"""The id of a request, which callers and the platform's log lines share."""

import random
import re

from tornado.httputil import HTTPHeaders

REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


def request_id(headers: HTTPHeaders) -> str:
    """The request's id: the client's own where it is well-formed, else a new one."""
    given = headers.get_list(REQUEST_ID_HEADER)  # `get` costs an exception where there is none
    if len(given) == 1 and _REQUEST_ID.fullmatch(given[0]):
        return given[0]
    return f"{random.getrandbits(128):032x}"  # no secret; urandom is a system call
