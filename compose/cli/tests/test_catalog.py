"""The catalog: what is accepted, and how everything else is refused."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compose.cli.catalog import Catalog, Subscription
from compose.cli.flow_rules import FlowRule, FlowStep
from compose.cli.refusal import Refused
from compose.cli.tests import checkout
from compose.cli.tests.checkout import ACCOUNTS, MAILS

FLOW = """\
subscriptions: []
flows:
  - name: welcome
    begins: account.created
    steps:
      - {types: [mail.sent], within_seconds: 5}
    broken_after_seconds: 60
"""


def problems(root: Path) -> list[str]:
    with pytest.raises(Refused) as refused:
        Catalog.load(root)
    return [str(problem) for problem in refused.value.faults]


def test_the_platforms_own_catalog_is_sound() -> None:
    assert [service.name for service in Catalog.load(checkout.ROOT)] == sorted(
        path.parent.name for path in checkout.ROOT.glob("services/*/service.yaml")
    )


def test_manifests_become_services(tmp_path: Path) -> None:
    accounts, mails = Catalog.load(checkout.make(tmp_path))
    assert accounts.instances == 1
    assert list(accounts.command) == ["python", "-m", "accounts"]
    assert mails.migrate is None
    assert mails.timeout_seconds == 2.5
    assert mails.subscriptions == (Subscription("account.created", "/mails/events"),)
    assert list(mails.ports) == [8310, 8311]
    assert mails.instance_names == ["mails", "mails-2"]


def test_an_event_may_have_a_schema_and_a_subscription_filters_and_a_policy(tmp_path: Path) -> None:
    emits = "emits:\n  - {type: account.created, schema: schemas/created.json}\n  - account.closed"
    more = "path: /mails/events, filters: [{not: {exact: {source: /x}}}], config: {ordered: true}"
    root = checkout.make(
        tmp_path,
        accounts=ACCOUNTS.replace("emits: [account.created]", emits),
        mails=MAILS.replace("path: /mails/events", more),
    )
    file = root / "services/accounts/schemas/created.json"
    file.parent.mkdir()
    file.write_text('{"type": "object"}')
    accounts, mails = Catalog.load(root)
    assert accounts.emits == ["account.created", "account.closed"]
    assert accounts.schemas == {"account.created": {"type": "object"}}
    (subscription,) = mails.subscriptions
    assert subscription.filters == [{"not": {"exact": {"source": "/x"}}}]
    assert subscription.config == {"ordered": True}


def test_a_filter_may_name_whatever_attribute_an_event_may_have(tmp_path: Path) -> None:
    filters = [{"exact": {"a" * 252: "x" * 2000}}]
    more = f"path: /mails/events, filters: {json.dumps(filters)}"
    root = checkout.make(tmp_path, accounts=ACCOUNTS, mails=MAILS.replace("path: /mails/events", more))
    _, mails = Catalog.load(root)
    (subscription,) = mails.subscriptions
    assert subscription.filters == filters


def test_a_flow_rule_says_what_has_to_follow(tmp_path: Path) -> None:
    accounts = ACCOUNTS.replace("subscriptions: []\n", FLOW)
    mails = MAILS.replace("emits: []", "emits: [mail.sent]")
    service, other = Catalog.load(checkout.make(tmp_path, accounts=accounts, mails=mails))
    assert service.flows == (FlowRule("welcome", "account.created", (FlowStep(["mail.sent"], 5),), 60),)
    assert other.flows == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is no JSON: "),
        ("[" * 100_000, "is 100000 bytes long"),
        ("[" * 60_000, "is no JSON: "),
        ("true", "is no JSON object"),
        ('{"type": "objekt"}', "is no JSON Schema: $.type: 'objekt' is not valid"),
        ('{"items": [{"$ref": "https://example.com/a"}]}', "is no JSON Schema"),
        ('{"not": {"$ref": "https://example.com/a"}}', "refers to 'https://example.com/a'"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told(tmp_path: Path, content: str | None, expected: str) -> None:
    emits = "emits:\n  - {type: account.created, schema: a.json}"
    root = checkout.make(tmp_path, accounts=ACCOUNTS.replace("emits: [account.created]", emits))
    if content is not None:
        (root / "services/accounts/a.json").write_text(content)
    (problem,) = problems(root)
    assert problem.startswith(f"services/accounts/service.yaml:11: emits.0.schema: 'a.json' {expected}")


def test_a_type_has_one_schema(tmp_path: Path) -> None:
    emits = "emits:\n  - {type: account.created, schema: a.json}"
    accounts, mails = ACCOUNTS.replace("emits: [account.created]", emits), MAILS.replace("emits: []", emits)
    root = checkout.make(tmp_path, accounts=accounts, mails=mails)
    for name in ("accounts", "mails"):
        (root / f"services/{name}/a.json").write_text("{}")
    assert problems(root) == [
        "services/mails/service.yaml:10: emits.0: 'account.created' has its schema from accounts"
    ]


def test_no_services_is_a_catalog_too(tmp_path: Path) -> None:
    root = checkout.make(tmp_path, none=ACCOUNTS)
    (root / "services/none/service.yaml").unlink()
    assert list(Catalog.load(root)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("port: 8300", "port: 80", "4: port: 80 is less than the minimum of 8300"),
        ("port: 8300", "port: '8300'", "4: port: '8300' is not of type 'integer'"),
        ("port: 8300\n", "", "1: port: is missing"),
        ("port: 8300", "port: 8300\nprot: 1", "5: prot: is unknown; known are"),
        ("port: 8300", "port: 8300\nport: 8301", "5: port: is given twice"),
        (
            "port: 8300",
            "port: 8399\ninstances: 2",
            "5: instances: 2 instances from port 8399 end beyond 8399",
        ),
        ("name: accounts", "name: persons", "1: name: 'persons' is not the folder's name, 'accounts'"),
        ("timeout_seconds: 5", "timeout_seconds: .nan", "9: timeout_seconds: '.nan' is not a value"),
        ("timeout_seconds: 5", "timeout_seconds: !!python/name:os.system", "9: timeout_seconds: '' is not a"),
        (
            "emits: [account.created]",
            "emits:\n  - account.created\n  - Bad",
            "12: emits.1: 'Bad' does not match",
        ),
        ("[account.created]", '["account.created\\n"]', "10: emits.0: 'account.created\\n' does not match"),
        ("GREETING", "greeting", "7: environment.greeting: the name must match"),
        ("GREETING", '"GREETING\\n"', "7: environment.GREETING\\x0a: the name must match"),
        ("subscriptions: []", "subscriptions: &a [*a]", "11: (document): alias *a"),
        ("database: true", "database: {", "10: (document): did not find expected"),
        ("database: true", "database: yes please", "8: database: 'yes please' is not of type 'boolean'"),
        (
            "subscriptions: []",
            "subscriptions: [{type: a.b, path: /mails/x}]",
            "11: subscriptions.0.type: no service",
        ),
        (
            "subscriptions: []",
            "subscriptions: [{type: a.b, path: /mails/x}]",
            "11: subscriptions.0.path: '/mails/x'",
        ),
        (
            "emits: [account.created]",
            "emits:\n  - {type: account.created, shema: a.json}",
            "11: emits.0.shema: is unknown; known are schema, type",
        ),
        (
            "emits: [account.created]",
            "emits:\n  - {type: account.created, schema: ../mails/a.json}",
            "11: emits.0.schema: '../mails/a.json' does not match",
        ),
        (
            "emits: [account.created]",
            "emits:\n  - account.created\n  - {type: account.created}",
            "12: emits.1: 'account.created' is given twice",
        ),
        (
            "subscriptions: []",
            "subscriptions:\n  - {type: a.b, path: /accounts/x, filters: [{exakt: {a: b}}]}",
            "12: subscriptions.0.filters.0.exakt: is unknown; known are all, any, exact, not, prefix, suffix",
        ),
        (
            "subscriptions: []",
            "subscriptions:\n  - {type: a.b, path: /accounts/x, config: {retry: {cap_seconds: 0}}}",
            "12: subscriptions.0.config.retry.cap_seconds: 0 is less than the minimum of 0.1",
        ),
        (
            "subscriptions: []",
            FLOW.replace("steps:", "stages:"),
            "15: flows.0.stages: is unknown; known are begins, broken_after_seconds, name, steps",
        ),
        (
            "subscriptions: []",
            FLOW.replace("within_seconds: 5", "within_seconds: soon"),
            "16: flows.0.steps.0.within_seconds: 'soon' is not of type 'number'",
        ),
        (
            "subscriptions: []",
            FLOW.replace("begins: account.created", "begins: account.closed"),
            "14: flows.0.begins: accounts does not emit 'account.closed'",
        ),
        (
            "subscriptions: []",
            FLOW.replace("[mail.sent]", "[mail.lost]"),
            "16: flows.0.steps.0.types.0: no service emits 'mail.lost'",
        ),
        (
            "subscriptions: []",
            FLOW.replace("[mail.sent]", "[account.created]"),
            "16: flows.0.steps.0.types.0: 'account.created' is in the flow already",
        ),
        (
            "subscriptions: []",
            FLOW.replace("broken_after_seconds: 60", "broken_after_seconds: 5"),
            "17: flows.0.broken_after_seconds: is no more than its steps may take together, 5",
        ),
        (
            "subscriptions: []",
            FLOW + FLOW.partition("flows:\n")[2],
            "18: flows.1.name: 'welcome' is a flow of accounts already",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_field(tmp_path: Path, old: str, new: str, expected: str) -> None:
    root = checkout.make(tmp_path, accounts=ACCOUNTS.replace(old, new))
    assert any(found.startswith(f"services/accounts/service.yaml:{expected}") for found in problems(root))


def test_all_mistakes_of_all_manifests_are_told_at_once(tmp_path: Path) -> None:
    accounts = ACCOUNTS.replace("database: true", "database: 1").replace("timeout_seconds: 5\n", "")
    root = checkout.make(tmp_path, accounts=accounts, mails=MAILS.replace("8310", "x"))
    assert [found.split(": ")[0] + " " + found.split(": ")[1] for found in problems(root)] == [
        "services/accounts/service.yaml:1 timeout_seconds",
        "services/accounts/service.yaml:8 database",
        "services/mails/service.yaml:4 port",
    ]


def test_ports_of_two_services_do_not_overlap(tmp_path: Path) -> None:
    root = checkout.make(tmp_path, accounts=ACCOUNTS.replace("8300", "8311"), mails=MAILS)
    assert problems(root) == ["services/mails/service.yaml:4: port: 8311 is a port of accounts"]


def test_names_of_the_platforms_parts_are_taken(tmp_path: Path) -> None:
    root = checkout.make(tmp_path, relay=ACCOUNTS.replace("name: accounts", "name: relay"))
    assert problems(root) == [
        "services/relay/service.yaml:1: name: 'relay' is a part of the platform: choose another"
    ]


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"", b"[" * 2_000, b"x" * 100_000, b"\x00", b"- &a [*a]"]
)
def test_what_is_no_manifest_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    root = checkout.make(tmp_path)
    (root / "services/accounts/service.yaml").write_bytes(content)
    assert all(found.startswith("services/accounts/service.yaml:") for found in problems(root))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
FIELDS = st.sampled_from(sorted(yaml.safe_load(ACCOUNTS)))


def load_or_problems(content: bytes) -> None:
    """The one promise for any content: a catalog, or problems that name the file and a line of it."""
    with tempfile.TemporaryDirectory() as folder:
        root = checkout.make(Path(folder))
        (root / "services/accounts/service.yaml").write_bytes(content)
        try:
            loaded, found = len(list(Catalog.load(root))), []
        except Refused as refused:
            loaded, found = 0, refused.faults
        assert loaded == 2 or found
        for problem in found:
            assert problem.file.startswith("services/")
            assert problem.line >= 1
            assert problem.message


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    load_or_problems(content)


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_any_document(content: object) -> None:
    load_or_problems(yaml.safe_dump(content, allow_unicode=True).encode("utf-8", "surrogatepass"))


@settings(max_examples=150, deadline=None)
@given(FIELDS, VALUES)
def test_any_value_in_any_field(field: str, value: object) -> None:
    load_or_problems(yaml.safe_dump(yaml.safe_load(ACCOUNTS) | {field: value}).encode())
