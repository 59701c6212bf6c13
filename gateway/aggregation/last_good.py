"""Last good answers: parts whose service fails, and whose policy is `stale`, show the one before."""

from collections.abc import Hashable
from typing import NamedTuple

from gateway.aggregation import json_document
from gateway.aggregation.part import Good, Part
from gateway.cache_control import may_be_stale
from gateway.caller.request_id import REQUEST_ID_HEADER
from gateway.lru import LruCache
from gateway.service_client import Answer, Call


class LastGood(NamedTuple):
    """A part's last good answer, to be kept: bytes alone, as the memory of a decoded value is not known.

    Attributes:
        source: the service's document, where the part's value is referred to.
        version: of the resource that it is a part of, when it was read.
    """

    body: bytes
    source: bytes | None
    version: tuple[int, ...] = ()

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        more = self.source if self.source is not self.body else None
        return len(self.body) + len(more or b"")

    def good(self) -> Good:
        """The part that it was; no longer fresh."""
        return Good(self.body, None if self.source is None else json_document.read(self.source))


class LastGoodParts:
    """The last good answers of the parts of one request's document.

    Parameters:
        kept: those of all documents.
        document: what the answers are made for: routes make different parts of the same answer.
        version: of the document's resource, before any part was read.
    """

    def __init__(self, kept: LruCache[LastGood], document: Hashable, version: tuple[int, ...]) -> None:
        self._kept = kept
        self._document = document
        self._version = version

    def keep(self, part: Part, call: Call, good: Good, answer: Answer, *, is_referred: bool) -> None:
        """Remember a part in case that its service fails; forget it if its last answer forbids that.

        Parameters:
            is_referred: whether other parts refer to its value.
        """
        key = self._key(part, call)
        if not may_be_stale(answer.headers):
            self._kept.drop(key)
            return
        needed = is_referred and good.value is not None
        last = LastGood(good.body, answer.body if needed else None, self._version)
        self._kept.put(key, last, last.size)

    def find(self, part: Part, call: Call) -> tuple[LastGood, float] | None:
        """A part's last good answer and its age, if the document's resource was not written since."""
        kept = self._kept.get(self._key(part, call))
        return kept if kept is not None and kept[0].version == self._version else None

    def _key(self, part: Part, call: Call) -> Hashable:
        """The key of a part's last good answer: the route's document and part, which say how the answer is
        used, and all that the call sends but the request's id."""
        sent = tuple(each for each in call.headers if each[0] != REQUEST_ID_HEADER)
        return self._document, part.name, call.target, sent
