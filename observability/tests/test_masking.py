"""What is masked in telemetry, and what is not."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.masking import MASK, is_secret, mask, mask_path, mask_value

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


@pytest.mark.parametrize(("text", "masked"), MASKED.items())
def test_secrets_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret_is_kept(text: str) -> None:
    assert mask(text) == text
    assert mask_path(text) == text


@given(
    st.text(), st.text(), st.sampled_from(["ada@example.com", "whsec_c2VjcmV0c2VjcmV0", "4111111111111111"])
)
def test_a_secret_is_masked_wherever_it_stands(before: str, after: str, secret: str) -> None:
    assert secret not in mask(f"{before} {secret} {after}")


def test_names_say_which_fields_are_secret() -> None:
    assert [name for name in EXAMPLES["secret_names"] if not is_secret(name)] == []
    assert [name for name in EXAMPLES["other_names"] if is_secret(name)] == []


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
