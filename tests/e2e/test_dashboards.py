"""Every query of every panel returns data after real traffic."""

import pytest

from tests.conftest import Stack, nextphase

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module", autouse=True)
def demo_traffic(stack: Stack) -> None:
    done = nextphase("demo", "--orders", "12")
    assert done.returncode == 0, done.stdout + done.stderr
