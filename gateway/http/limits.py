"""What a caller may send, and how long it may take."""

from typing import Final

#: More than the edge passes on, and less than services nginx takes.
MAX_HEAD_BYTES: Final = 52 * 1024
MAX_HEADERS: Final = 100
#: Of the name of a header: names are remembered as they are to be written.
MAX_NAME: Final = 100
MAX_TARGET: Final = 8192
#: Of a header, its lines taken together: they may be passed on as one, and no hop reads a line of more than
#: 16 KiB.
MAX_HEADER: Final = 16_000
#: Of a target at a service: services nginx takes no longer one. That of a request is shorter, but what it
#: does not percent-encode may take three bytes at the service.
MAX_SERVICE_TARGET: Final = 16_000
#: Of a body that is read before it is answered; the edge lets bodies of this size through too.
MAX_BODY_BYTES: Final = 1024 * 1024
#: How long the next head of a connection may take ...
IDLE_SECONDS: Final = 75.0
#: ... a body that is read before it is answered ...
BODY_SECONDS: Final = 15.0
#: ... the next piece of a body that is passed on, and all of it ...
BODY_IDLE_SECONDS: Final = 30.0
STREAM_SECONDS: Final = 3600.0
#: ... and a caller that takes nothing of its answer.
STALL_SECONDS: Final = 60.0
#: How long, and for how much, a refused client may go on sending before it is cut off. Closing at once would
#: reset the connection, and the client might never see the answer.
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 256 * 1024
