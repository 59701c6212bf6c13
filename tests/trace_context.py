"""The meaning of a `traceparent` by the text of W3C Trace Context, for the tests of every hop."""

from typing import NamedTuple

from hypothesis import strategies as st

_HEX = "0123456789abcdef"


class Parent(NamedTuple):
    """The span that a `traceparent` names."""

    trace_id: str
    span_id: str
    sampled: bool


def parent_of(traceparent: str) -> Parent | None:
    """The parent in a header's value, by version 00 of the specification; None if a new trace begins."""
    version, *fields = traceparent.split("-", 4)
    if len(fields) < 3 or not _is_hex(version, 2) or version == "ff":
        return None
    trace_id, span_id, flags, *more = fields
    if version == "00" and more:
        return None
    if not (_is_hex(trace_id, 32) and _is_hex(span_id, 16) and _is_hex(flags, 2)):
        return None
    if trace_id == "0" * 32 or span_id == "0" * 16:
        return None
    return Parent(trace_id, span_id, int(flags, 16) & 1 == 1)


def _is_hex(text: str, length: int) -> bool:
    return len(text) == length and set(text) <= set(_HEX)


def _hex(length: int) -> st.SearchStrategy[str]:
    return st.text(_HEX, min_size=length, max_size=length)


def _field(length: int) -> st.SearchStrategy[str]:
    """A field as it should be, mostly; or all zero, too long or short, in upper case, or no number."""
    strange = st.one_of(
        st.just("0" * length),
        _hex(length + 1),
        _hex(length - 1),
        _hex(length).map(str.upper),
        st.text("0fgG-.", min_size=length, max_size=length),
        st.just(""),
    )
    return st.one_of(*[_hex(length)] * 6, strange)


_VERSIONS = st.one_of(
    *[st.just("00")] * 4, st.sampled_from(["01", "cc", "fe", "ff", "FE", "0", "000"]), _field(2)
)
_ENDS = st.one_of(*[st.just("")] * 4, st.sampled_from(["-", "-more", ".more", "-00-00", "-" + "x" * 2000]))

TRACEPARENTS: st.SearchStrategy[str] = st.one_of(
    st.builds("{}-{}-{}-{}{}".format, _VERSIONS, _field(32), _field(16), _field(2), _ENDS),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=80),
)
"""Values of the header, as HTTP may carry them: right ones, nearly right ones, and others."""
