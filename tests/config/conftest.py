"""What the checks of configuration share: the tools that read it."""

import pytest

from compose.cli.toolbox import Toolbox
from tests.config.programs import ROOT


@pytest.fixture(scope="session")
def toolbox() -> Toolbox:
    return Toolbox.locate(ROOT)
