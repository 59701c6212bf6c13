from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.template import Template, decode
from observability.http.problem import Problem

PLAIN = st.from_regex(r"[a-z0-9_-]{1,8}", fullmatch=True)
SEGMENT = st.one_of(PLAIN, st.from_regex(r"\{[a-z][a-z0-9_]{0,5}\}", fullmatch=True))
VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1).filter(
    lambda text: text not in (".", "..")
)


@given(st.lists(SEGMENT, min_size=1, max_size=6), st.data())
def test_what_is_put_in_comes_out(segments: list[str], data: st.DataObject) -> None:
    names = [segment for segment in segments if segment.startswith("{")]
    if len(set(names)) < len(names):
        with pytest.raises(ValueError, match="twice"):
            Template.of("/" + "/".join(segments))
        return
    template = Template.of("/" + "/".join(segments))
    values = {name: data.draw(VALUE) for name in names}
    path = [quote(values[segment], safe="") if segment in values else segment for segment in segments]
    found = template.match(path)
    assert found is not None
    assert [decode(raw) for raw in found] == list(values.values())


@given(st.lists(PLAIN, min_size=1, max_size=4), st.lists(PLAIN, min_size=1, max_size=6))
def test_a_rest_takes_what_is_left(static: list[str], rest: list[str]) -> None:
    template = Template.of("/" + "/".join(static) + "/{rest*}")
    assert template.match([*static, *rest]) == ["/".join(rest)]
    assert template.match(static) is None


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_any_raw_text_is_decoded_or_refused(raw: str) -> None:
    try:
        text = decode(raw)
    except Problem:
        return
    assert text.count("/") == raw.count("/")
    assert not {".", ".."} & set(text.split("/"))


@pytest.mark.parametrize(
    "raw", ["%ff", "%2e%2e", "..", ".", "a%2fb", "a%2Fb", "a%5cb", "a\\b", "%0d%0a", "%00", "%7f"]
)
def test_what_can_be_read_two_ways_is_refused(raw: str) -> None:
    with pytest.raises(Problem):
        decode(raw)


@pytest.mark.parametrize(
    "text", ["/", "/a//b", "/a/", "/{A}", "/{a}b", "/a/../b", "/{a*}/b", "/{a}/{a}", "/%20"]
)
def test_templates_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"segment|twice|rest"):
        Template.of(text)


def test_the_more_specific_template_ranks_first() -> None:
    texts = ["/f/a", "/f/{x}/b", "/f/{x}/{y}/c", "/f/{x}/{y}", "/f/{x}/{rest*}", "/f/{rest*}", "/{rest*}"]
    assert sorted(texts, key=lambda text: Template.of(text).rank) == [
        "/f/a", "/f/{x}/b", "/f/{x}/{y}", "/f/{x}/{y}/c", "/f/{x}/{rest*}", "/f/{rest*}", "/{rest*}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "ambiguous"),
    [
        ("/a/{x}", "/a/b", False),
        ("/a/{x}/c", "/a/b/{y}", True),
        ("/a/{x}/c", "/a/b/d", False),
        ("/{x}/b", "/a/{y}", True),
        ("/{x}/b", "/{x}/c", False),
        ("/{x}", "/{x}/b", False),
    ],
)
def test_ambiguity(one: str, other: str, ambiguous: bool) -> None:
    assert Template.of(one).ambiguous_with(Template.of(other)) is ambiguous
    assert Template.of(other).ambiguous_with(Template.of(one)) is ambiguous
