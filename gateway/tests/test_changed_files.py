"""Files of routes with something changed in them: refused, or else answered by and described."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.authentication.jwks import Jwks
from gateway.authentication.tests.issuer import AUDIENCE, ISSUER, Key, key_set
from gateway.authentication.token_verifier import TokenVerifier
from gateway.config.effective import effective
from gateway.config.loader import load_router
from gateway.config.parameters import Parameter
from gateway.config.route import Route
from gateway.config.router import Router
from gateway.config.settings import ROUTES_FILE
from gateway.config.tests.test_loader import SERVICES, documented
from gateway.config.tests.test_openapi import described
from gateway.tests.api import Api, running
from gateway.tests.services import Asked, reply
from observability import Telemetry
from observability.configuration.errors import FaultyDocument

pytestmark = pytest.mark.example

ID = "3f0cb1b0-5f0e-4a43-8d5c-7c8e2f1b6a90"
#: What every service says: what the parts of the documents are made of, all in one.
SAID = {
    "id": ID,
    "name": "Ada",
    "account_id": ID,
    "state": "placed",
    "lines": [{"sku": "tea"}],
    "orders": [{"lines": [{"sku": "tea"}]}],
    "items": [{"id": ID, "lines": [{"sku": "tea"}]}],
}
DOCUMENTS = [yaml.safe_load(ROUTES_FILE.read_text()), documented()]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)

Place = tuple[Any, ...]


def places(value: Any, where: Place = ()) -> list[Place]:
    found = [where] if where else []
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        found += [place for key, inner in items for place in places(inner, (*where, key))]
    return found


PLACES = [(n, place) for n, document in enumerate(DOCUMENTS) for place in places(document)]


@dataclass(slots=True)
class Asking:
    """A gateway that answers by one router after another, before services that are all well or all refuse."""

    api: Api
    runner: asyncio.Runner
    folder: Path
    token: str
    well: bool = True

    def read(self, document: Any) -> Router:
        file = self.folder / "routes.yaml"
        file.write_text(json.dumps(document))
        return load_router(file, SERVICES, self.api.context)

    def ask(self, router: Router, routes: Sequence[Route]) -> None:
        """Ask for routes, with as much and as little as may be said: each answers, and none with 500."""
        self.api.pipeline.use(router)
        for self.well in (True, False):
            for route in routes:
                for everything in (True, False):
                    answer = self.runner.run(self._ask(route, everything=everything))
                    assert answer.status_code != 500 or fails(route), (route.declared, answer.text)

    async def _ask(self, route: Route, *, everything: bool) -> httpx.Response:
        query = {
            parameter.name: value_of(parameter)
            for parameter in route.parameters.values()
            if parameter.place == "query" and (everything or parameter.required)
        }
        headers = {"Idempotency-Key": '"key"'}
        if everything or route.auth == "required":
            headers["Authorization"] = f"Bearer {self.token}"
        body = SAID if route.method in ("POST", "PUT", "PATCH") else None
        return await self.api.client.request(
            route.method, path_of(route), params=query, headers=headers, json=body
        )

    async def behave(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        """As a service does; a refusal is not what opens its circuit for the examples that follow."""
        body = json.dumps(SAID).encode()
        writer.write(reply(200, body, Cache_Control="max-age=60") if self.well else reply(400))


def fails(route: Route) -> bool:
    """Whether a route may answer with 500: it is meant to, or is code that relies on its own declaration."""
    return route.kind == "handler" or (route.kind == "mock" and route.declared["mock"].get("status") == 500)


def value_of(parameter: Parameter) -> str:
    """Some value of a parameter, as it is sent."""
    schema = parameter.schema
    if "enum" in schema:
        return str(schema["enum"][0])
    if schema.get("format") == "uuid":
        return ID
    return {"integer": "1", "number": "1", "boolean": "false"}.get(schema.get("type", ""), "tea")


def path_of(route: Route) -> str:
    """A path of a route, without its parameters' braces."""
    values = {name: quote(value_of(route.parameters[name]), safe="") for name in route.template.names}
    return re.sub(r"\{([a-z0-9_]+)\*?\}", lambda found: values[found[1]], route.template.text)


@pytest.fixture(scope="module")
def asking(telemetry: Telemetry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    folder, key = tmp_path_factory.mktemp("routes"), Key.make("the-key")

    async def keys() -> bytes:
        return key_set(key)

    with asyncio.Runner() as runner:
        made: Asking

        async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
            await made.behave(asked, writer)

        mock = "routes: [{id: first, method: GET, path: /first, mock: {}}]"
        entered = running(telemetry, folder, mock, behave, TokenVerifier(Jwks(keys), ISSUER, AUDIENCE, 0))
        api = runner.run(entered.__aenter__())
        made = Asking(api, runner, folder, key.token(scope="orders:read baskets:read"))
        try:
            yield made
        finally:
            runner.run(entered.__aexit__(None, None, None))


def changed(document: Any, place: Place, value: Any, *, removed: bool) -> Any:
    """A copy of a document with another value at a place, or with none."""
    copy = json.loads(json.dumps(document))
    holder = copy
    for step in place[:-1]:
        holder = holder[step]
    if removed:
        del holder[place[-1]]
    else:
        holder[place[-1]] = value
    return copy


def change(number: int, place: Place, value: Any) -> Any:
    """A change that is tried always."""
    return example(chosen=(number, place), value=value, removed=False)


def test_the_documents_as_they_are(asking: Asking) -> None:
    for document in DOCUMENTS:
        router = asking.read(document)
        asking.ask(router, router.routes)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chosen=st.sampled_from(PLACES),
    value=st.one_of(VALUES, st.text("{}.ab/*-=!", max_size=12)),
    removed=st.booleans(),
)
@change(1, ("routes", 1, "compose", "account", "on_failure"), {"fallback": []})
@change(1, ("routes", 1, "compose", "orders", "path"), "/café")
@change(1, ("routes", 1, "parameters", "brief", "default"), [1])
@change(1, ("routes", 1, "compose", "stock", "path"), "/x/{caller.subject}/{query.brief}")
@change(1, ("routes", 4, "mock"), {"headers": {"X": "a\r\nb"}})
@change(1, ("routes", 4, "mock"), {"headers": {"Transfer-Encoding": "chunked"}})
@change(0, ("schemas", "Problem"), {"type": "string"})
def test_a_changed_file_is_refused_or_answered_by(
    asking: Asking, chosen: tuple[int, Place], value: Any, removed: bool
) -> None:
    number, place = chosen
    faults = ""
    try:
        router = asking.read(changed(DOCUMENTS[number], place, value, removed=removed))
    except FaultyDocument as error:
        faults = str(error)
    assert all(re.match(r".*routes\.yaml:\d+: \S", line) for line in faults.splitlines()), faults
    if faults:
        return
    described(router)
    one = place[0] == "routes" and len(place) > 1
    asking.ask(router, router.routes[place[1] : place[1] + 1] if one else router.routes)
    json.loads(effective(router, asking.api.pipeline.stacks))
