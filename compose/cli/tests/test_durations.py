from argparse import ArgumentTypeError

import pytest

from compose.cli import durations


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86400), ("0s", 0)]
)
def test_seconds(text: str, seconds: int) -> None:
    assert durations.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "-1m", "1.5h", "1h30m", "1 h", "9999999s", "\u0661s", "1w"])
def test_anything_else_is_none(text: str) -> None:
    assert durations.seconds(text) is None


def test_a_length_of_time_has_bounds() -> None:
    read = durations.between("1m", "7d", "1h")
    assert (read("1m"), read("7d")) == (60, 7 * 86400)
    for wrong in ("59s", "8d", "soon"):
        with pytest.raises(ArgumentTypeError, match="no time from 1m to 7d, such as 1h"):
            read(wrong)


@pytest.mark.parametrize(
    ("text", "microseconds"), [("500us", 500), ("250ms", 250_000), ("1.5s", 1_500_000), ("2m", 120_000_000)]
)
def test_microseconds(text: str, microseconds: int) -> None:
    assert durations.microseconds(text) == microseconds


@pytest.mark.parametrize("text", ["", "1", "-1s", "1 s", "fast", "1e3s", "nan", ".5s"])
def test_what_is_no_duration_of_a_span_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="no duration"):
        durations.microseconds(text)
