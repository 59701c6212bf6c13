"""Strict checks of a request's head, to the letter of RFC 9112.

llhttp lets some of it through that another reader may understand in another way, which is how requests are
smuggled past a proxy. Each head is therefore checked here first; nothing here decides how long a message is.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

from observability.http.problem import Problem
from observability.http.server.headers import Headers
from observability.http.server.limits import Limits
from observability.http.server.problems import long_head

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_START: Final = rb"(%b+) ([!-~\x80-\xff]+) HTTP/([0-9]\.[0-9])\r\n" % _TOKEN
_START_LINE: Final = re.compile(rb"(?:\r\n)?" + _START)
#: What a head can begin with: a method, or an empty line.
_BEGINNING: Final = re.compile(rb"[\r\n]|%b" % _TOKEN)
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_ABSOLUTE_TARGET: Final = re.compile(rb"https?://(%b)([/?].*)?" % _HOST.pattern.encode(), re.IGNORECASE)
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
#: The line before a chunk: no sign, no space, no extension.
_CHUNK_SIZE: Final = re.compile(rb"[0-9A-Fa-f]{1,62}\r\n")


def check_beginning(received: bytes, limits: Limits) -> None:
    """Refuse what cannot become a head, of which the end has not come.

    Raises:
        Problem: 400 or 431.
    """
    if b"\n\n" in received or b"\n\r\n" in received:
        raise _bad_line_end()
    if len(received) > limits.head_bytes:
        raise long_head(limits)
    if not _BEGINNING.match(received):
        raise Problem(400, detail="The message is no HTTP.")


def check_head(data: bytes, limits: Limits) -> tuple[bytes, bytes, bytes, bytes]:
    """Refuse a head, up to and including its empty line, that is not well-formed, or beyond the limits.

    Returns:
        method, target, version, such as `1.1`, and the lines of the headers, each with its end.

    Raises:
        Problem: 400, 414, 431, 501 or 505.
    """
    if len(data) > limits.head_bytes:
        raise long_head(limits)
    found = _head_pattern(limits.name_bytes).fullmatch(data)
    if found is None:
        raise _malformed(data, limits)
    method, target, version, lines = found.groups()
    if lines.count(b"\n") > limits.headers:
        raise _malformed(data, limits)
    if version != b"1.1" and version != b"1.0":
        raise _wrong_version(version)
    if len(target) > limits.target_bytes:
        raise Problem(414, detail=f"A target has at most {limits.target_bytes} bytes.")
    if method == b"CONNECT":
        raise Problem(501, detail="This is no proxy for connections.")
    if not target.startswith(b"/") and not _is_other_form(method, target, limits):
        raise Problem(400, detail="The target has to be a path that starts with a slash.")
    if b"#" in target or not target.isascii():
        raise Problem(400, detail="The target has characters that need to be percent-encoded.")
    return method, target, version, lines


def split_absolute(target: bytes) -> tuple[str, bytes] | None:
    """Host, and path and query, of a target in absolute form (RFC 9112, section 3.2.2); None of any other."""
    found = _ABSOLUTE_TARGET.fullmatch(target)
    if found is None:
        return None
    path = found[2] or b"/"
    return found[1].decode(), path if path.startswith(b"/") else b"/" + path


def check_headers(headers: Headers, version: bytes, size: int, limits: Limits) -> None:
    """Refuse headers that RFC 9112 lets readers understand in more than one way.

    Parameters:
        size: bytes of the head.

    Raises:
        Problem: 400, 417 or 431.
    """
    if size > limits.header_bytes:
        _check_sizes(headers, limits)
    hosts = headers.exactly("Host")
    if (len(hosts) != 1 or not _HOST.fullmatch(hosts[0])) and (hosts or version != b"1.0"):
        raise Problem(400, detail="There has to be one Host header with a host's name.")
    if lengths := headers.exactly("Content-Length"):
        if len(lengths) > 1:
            raise Problem(400, detail="There is more than one Content-Length.")
        if not _LENGTH.fullmatch(lengths[0]):
            raise Problem(400, detail="The Content-Length is no number.")
    if codings := headers.exactly("Transfer-Encoding"):
        _check_codings(codings, version, has_length=bool(lengths))
    expected = headers.exactly("Expect")
    if expected and ",".join(expected).lower() != "100-continue":
        raise Problem(417)


def check_chunk_size(line: bytes) -> None:
    """Refuse the line before a chunk that says more than the chunk's size.

    Raises:
        Problem: 400.
    """
    if not _CHUNK_SIZE.fullmatch(line):
        raise Problem(400, detail="The line of a chunk's size is malformed, or too long.")


@cache
def _head_pattern(name_bytes: int) -> re.Pattern[bytes]:
    """A head. An empty line may come before: some send one between two messages (RFC 9112, section 2.2)."""
    return re.compile(rb"(?:\r\n)?%b((?:%b{1,%d}:[\t -~\x80-\xff]*\r\n)*)\r\n" % (_START, _TOKEN, name_bytes))


def _is_other_form(method: bytes, target: bytes, limits: Limits) -> bool:
    """Whether a target that is no path is in another form that is accepted."""
    if target == b"*":
        return method == b"OPTIONS"
    return limits.absolute_targets and split_absolute(target) is not None


def _check_sizes(headers: Headers, limits: Limits) -> None:
    if any(len(headers[name]) > limits.header_bytes for name in headers):
        detail = f"A header has at most {limits.header_bytes} bytes, its lines taken together."
        raise Problem(431, detail=detail)


def _check_codings(codings: Sequence[str], version: bytes, *, has_length: bool) -> None:
    if version == b"1.0":
        raise Problem(400, detail="HTTP/1.0 has no Transfer-Encoding.")
    if len(codings) > 1:
        raise Problem(400, detail="There is more than one Transfer-Encoding.")
    if has_length:
        raise Problem(400, detail="A message has either Transfer-Encoding or Content-Length.")
    if codings[0].lower() != "chunked":
        raise Problem(400, detail="The only Transfer-Encoding is chunked.")


def _malformed(data: bytes, limits: Limits) -> Problem:
    """The problem of a malformed head; it quotes nothing that was sent, which may be a secret."""
    lines = data.count(b"\r\n")
    if data.count(b"\n") != lines or data.count(b"\r") != lines:
        return _bad_line_end()
    if lines - 2 > limits.headers:
        return Problem(431, detail=f"There are at most {limits.headers} headers.")
    if re.search(rb"\n[^:\r\n]{%d}" % (limits.name_bytes + 1), data):
        return Problem(431, detail=f"A header's name has at most {limits.name_bytes} characters.")
    part = "A header" if _START_LINE.match(data) else "The request line"
    return Problem(400, detail=f"{part} is malformed.")


def _wrong_version(version: bytes) -> Problem:
    if version.startswith(b"1."):
        return Problem(505)
    return Problem(400, detail="The request line has another version than HTTP/1.1.")


def _bad_line_end() -> Problem:
    return Problem(400, detail="A line has to end in CR and LF, and nothing else has these.")
