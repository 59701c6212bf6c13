"""What is masked in telemetry, and what is not."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.masking import MASK, have_secrets, is_secret, mask, mask_path, mask_value

ROOT = Path(__file__).parents[2]
RULES = ROOT / "observability/masking.json"
COPIES = [
    ROOT / "compose/tools/otelcol/masking/patterns.json",
    ROOT / "services/inventory/src/main/resources/masking.json",
]
#: The tests in Go and Java read them too.
EXAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "masking.json").read_text())
MASKED: dict[str, str] = EXAMPLES["masked"]
KEPT: list[str] = EXAMPLES["kept"]
#: Texts that are repeated to 8 KB: each makes an expression that looks back, or tries every length, slow.
SLOW = [
    f"GET /v1/{'x' * 64}@{'a.1' * 2690}",
    "x" * 8000 + "@",
    "x%40",
    "x@y.1",
    "x@y.zz-",
    "%40a.1",
    "@" + "/" * 8192,
    "@ :/",
    "cookie ",
    "cookie:" + "\n" * 8192,
    "token" + " " * 8192,
    "token= ",
    'token=\\"\\\\\\"',
    'token=\\"\\x" ',
    'token="\\"',
    "token:bearer ",
    "bearer" + " " * 8192,
    "bearer ab ",
    "eyJ.",
    "eyJaaaaaa.",
    "whsec_",
    "://a:",
    "4111 1111 1111 ",
    "4111111111111112",
    'authorization:a="',
    "authorization" + " " * 8192,
    "token=[",
    "token=%22",
    "token=%22%5c",
    "token=a,,",
    "-----BEGIN PRIVATE KEY-----" * 2 + "x" * 8192,
    "-----BEGIN " + "A " * 4096 + "PRIVATE KEY-----",
    "ghp_",
    "token:",
    "token:a",
    "token : a ",
    "token: " + "a" * 8192 + " ",
    "token: " + "a-" * 4096 + "; ",
    "token: a" + " " * 8192 + ".",
]
PLAIN = "an order was placed @ night, "
TEXT_LENGTH = 8192


@pytest.mark.parametrize(("text", "masked"), MASKED.items())
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked
    assert mask_path(text) == masked


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_is_kept(text: str) -> None:
    assert mask(text) == text
    assert mask_path(text) == text


@given(
    st.text(), st.text(), st.sampled_from(["ada@example.com", "whsec_c2VjcmV0c2VjcmV0", "4111111111111111"])
)
def test_a_secret_is_masked_wherever_it_stands(before: str, after: str, secret: str) -> None:
    assert secret not in mask(f"{before} {secret} {after}")


@given(st.lists(st.one_of(st.sampled_from([*MASKED, *KEPT]), st.text(), st.from_regex(r"[0-9 .+-]{12,24}"))))
def test_texts_have_secrets_if_one_of_them_would_be_masked(texts: list[str]) -> None:
    assert have_secrets(texts) == any(mask(text) != text for text in texts)


@pytest.mark.parametrize("slow", SLOW, ids=[text[:16] for text in SLOW])
def test_no_text_takes_much_longer_than_another(slow: str) -> None:
    assert _cost(slow) < 20 * _cost(PLAIN)


def test_names_say_which_fields_are_secret() -> None:
    assert [name for name in EXAMPLES["secret_names"] if not is_secret(name)] == []
    assert [name for name in EXAMPLES["other_names"] if is_secret(name)] == []


def test_expressions_have_the_names_of_secret_fields() -> None:
    rules = json.loads(RULES.read_text())
    names = rules["secret_name"].removeprefix("(?i)").removesuffix("$")
    others = [rule["what"] for rule in rules["patterns"] if names in rule["expression"]]
    assert others == [rule["what"] for rule in rules["patterns"] if "pwd" in rule["words"]]


def test_a_field_whose_name_says_so_is_masked_whole() -> None:
    value = {"password": "a b", "X-Api-Key": 7, "headers": [{"Set-Cookie": "x"}, "Bearer abcdefgh"], "ok": 1}
    masked = {
        "password": MASK,
        "X-Api-Key": MASK,
        "headers": [{"Set-Cookie": MASK}, f"Bearer {MASK}"],
        "ok": 1,
    }
    assert mask_value("data", value) == masked  # type: ignore[arg-type]


@pytest.mark.parametrize("copy", COPIES, ids=lambda path: path.parts[-4])
def test_the_collector_and_the_service_in_java_mask_the_same(copy: Path) -> None:
    assert copy.read_bytes() == RULES.read_bytes()


def _cost(text: str) -> int:
    """Nanoseconds of processor time that masking 8 KB of a text takes, the least of several."""
    whole = (text * TEXT_LENGTH)[:TEXT_LENGTH]
    costs = list[int]()
    for _ in range(7):
        before = time.process_time_ns()
        mask(whole)
        costs.append(time.process_time_ns() - before)
    return min(costs)
