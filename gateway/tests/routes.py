"""Files of routes, as tests write them."""

import json
from textwrap import dedent

import yaml


def unprotected(routes: str) -> str:
    """The same file with `auth: optional` on each route that does not say `auth`.

    For tests that are about something else than access tokens.
    """
    document = yaml.safe_load(dedent(routes))
    for route in document["routes"]:
        route.setdefault("auth", "optional")
    return json.dumps(document)  # JSON is YAML
