"""The heads of requests that nobody could read in two ways, read at a fraction of what a whole parser costs.

Only what is plain beyond doubt is read here; everything else is left to the whole parser, which refuses it or
knows what to do with it."""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from tornado.httputil import HTTPHeaders

from gateway.http.limits import MAX_HEAD_BYTES, MAX_HEADER, MAX_HEADERS, MAX_NAME, MAX_TARGET

#: What a request line and fields may be to the letter (RFC 9112); any other head is not plain.
_HEAD: Final = re.compile(
    rb"(GET|HEAD|DELETE|POST|PUT|PATCH|OPTIONS) (/[!\"$-~]*) HTTP/1\.1\r\n"
    rb"((?:[!#$%%&'*+\-.^_`|~0-9A-Za-z]{1,%d}:[\t -~\x80-\xff]*\r\n)+)\r\n" % MAX_NAME
)
#: Fields that say that there is more to a message than its head and a body of a known length.
_NOT_PLAIN: Final = frozenset({"Transfer-Encoding", "Expect", "Upgrade", "Te", "Trailer"})
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_HOST: Final = re.compile(r"[A-Za-z0-9._\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


class Fields(HTTPHeaders):
    """Headers of a request that were checked all at once."""

    @classmethod
    def of(cls, lines: str) -> "Fields":
        """Read checked lines, each ended by CR and LF but for the last."""
        fields = cls.__new__(cls)  # its constructor takes longer than all of this
        listed: dict[str, list[str]] = {}
        fields._as_list, fields._combined_cache = listed, {}
        for line in lines.split("\r\n"):
            name, _, value = line.partition(":")
            name = _normal(name)
            if name in listed:
                listed[name].append(value.strip(" \t"))
            else:
                listed[name] = [value.strip(" \t")]
        return fields

    def get(self, name: str, default: Any = None) -> Any:
        """As of every mapping, without an exception for each name that is not there."""
        values = self._as_list.get(_normal(name))
        if values is None:
            return default
        return values[0] if len(values) == 1 else ",".join(values)


class Head(NamedTuple):
    """The head of a plain request.

    Attributes:
        length: bytes of its body.
        closes: whether the connection is to end with its answer.
    """

    method: str
    target: str
    fields: Fields
    length: int = 0
    closes: bool = False


def read(data: bytes) -> Head | None:
    """A plain request's head, up to and including the empty line; None of any other, be it malformed, beyond
    the limits, or merely unusual."""
    found = _HEAD.fullmatch(data)
    if found is None or len(data) > MAX_HEAD_BYTES or data.count(b"\n") - 2 > MAX_HEADERS:
        return None
    method, target, lines = found.groups()
    fields = Fields.of(lines[:-2].decode("latin-1"))
    listed = fields._as_list
    if not _NOT_PLAIN.isdisjoint(listed) or len(target) > MAX_TARGET or not is_host(fields):
        return None
    if len(data) > MAX_HEADER and has_long_header(fields):
        return None
    length, closes = 0, False
    if lengths := listed.get("Content-Length"):
        if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
            return None
        length = int(lengths[0])
    if connection := listed.get("Connection"):
        if connection not in (["close"], ["keep-alive"]):
            return None
        closes = connection == ["close"]
    return Head(method.decode(), target.decode(), fields, length, closes)


def is_host(headers: HTTPHeaders) -> bool:
    """Whether there is one Host with a host's name."""
    hosts = headers.get_list("Host")
    return len(hosts) == 1 and _HOST.fullmatch(hosts[0]) is not None


def has_long_header(headers: HTTPHeaders) -> bool:
    """Whether a header has more than MAX_HEADER bytes, its lines taken together."""
    return any(len(",".join(headers.get_list(name))) > MAX_HEADER for name in headers)


@lru_cache(1024)
def _normal(name: str) -> str:
    """A name as Tornado's headers keep it."""
    return "-".join([word.capitalize() for word in name.split("-")])
