"""What tests leave of instances."""

import os
from pathlib import Path

import pytest

from compose.cli.layout import Layout
from tests import states


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's checkouts have their state within")
def test_the_state_of_a_closed_checkout_is_removed(tmp_path: Path) -> None:
    checkout = tmp_path / "some/checkout"
    checkout.mkdir(parents=True)
    checkout.chmod(0o700)
    state = Layout.open(checkout).state
    assert not state.is_relative_to(tmp_path)
    states.remove(tmp_path)
    assert not state.parent.exists()
    assert not (checkout / ".nextphase").is_symlink()
