"""observability/logs/schema.yaml, against which tests hold lines and what writes them."""

import re
from pathlib import Path
from typing import Any

import yaml

SCHEMA: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "observability/logs/schema.yaml").read_text()
)
#: Numbers that a name like this has are durations.
DURATION = re.compile("duration|latency|elapsed|seconds|millis|_ns$|_us$|_s$")
