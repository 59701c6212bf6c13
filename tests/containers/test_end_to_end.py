"""An order in containers does what it does natively and is seen as well: the same tests, other addresses."""

import httpx
import pytest

from tests.conftest import Stack
from tests.containers.composition import Composition
from tests.e2e import test_metrics, test_order_trace

pytestmark = [pytest.mark.containers, pytest.mark.example]

test_confirmed_order_is_one_trace = test_order_trace.test_confirmed_order_is_one_trace
test_unfulfillable_order_is_cancelled_in_one_trace = (
    test_order_trace.test_unfulfillable_order_is_cancelled_in_one_trace
)
test_order_document_is_composed = test_order_trace.test_order_document_is_composed
test_notification_is_told = test_order_trace.test_notification_is_told
test_every_target_is_up = test_metrics.test_every_target_is_up


def test_every_part_is_a_target(stack: Stack) -> None:
    found = {target["labels"]["service"] for target in stack.telemetry.targets()}
    assert found >= test_order_trace.HOPS | {"rabbitmq", "loki", "jaeger", "prometheus", "collector"}


def test_a_token_that_setup_prints_opens_what_needs_one(composition: Composition, stack: Stack) -> None:
    answer = httpx.put(f"{stack.edge}/v1/stock/pear", json={"on_hand": 1}, trust_env=False)
    assert answer.status_code == 401
    token = composition.compose("run", "--rm", "setup", "/volumes", "token", "ada", "stock:write").strip()
    headers = {"Authorization": f"Bearer {token}"}
    answer = httpx.put(f"{stack.edge}/v1/stock/pear", json={"on_hand": 1}, headers=headers, trust_env=False)
    assert answer.is_success, answer.text
