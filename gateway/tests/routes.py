"""Files of routes, as tests write them."""

import json
from textwrap import dedent

import yaml


def open_to_all(routes: str) -> str:
    """The same file for tests that are about something else than access tokens and load.

    Routes that do not say `auth` are `optional`; those that do not say `priority` are critical, which a
    gateway on a machine that is busy with other tests sheds last.
    """
    document = yaml.safe_load(dedent(routes))
    for route in document["routes"]:
        route.setdefault("auth", "optional")
        route.setdefault("priority", "critical")
    return json.dumps(document)  # JSON is YAML
