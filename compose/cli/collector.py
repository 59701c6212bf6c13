"""The collector's second configuration file: what the platform's settings and the public routes determine.

The first, observability/collector/collector.yaml, has what is the same everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from compose.cli import probes, sampling
from compose.cli.sampling import Sampling

FILE = PurePath("collector/generated.yaml")
"""Where it stands, below `config/`."""


def configuration(shares: Sampling, routes: Iterable[Mapping[str, Any]]) -> str:
    """The content of FILE: which traces are stored, and which of the public routes are probed."""
    document = probes.collector(routes) | sampling.collector(shares)
    return yaml.safe_dump(document, sort_keys=False, width=110)
