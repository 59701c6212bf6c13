"""Configuration is refused whole, naming file and field."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from broker.rio.model.sender import Sender, Senders, read_tokens
from broker.rio.settings import SenderEntry, Settings
from observability.configuration.errors import ConfigurationError


def test_every_wrong_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rio.json"
    path.write_text(
        json.dumps({"api": {"host": "127.0.0.1", "port": 0}, "amqp_url": "http://x", "colour": 1})
    )
    with pytest.raises(ConfigurationError) as refused:
        Settings.load(path)
    for name in (str(path), "api.port", "amqp_url", "colour", "services_url"):
        assert name in str(refused.value)


def test_missing_file_and_variable_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.json"):
        Settings.load(tmp_path / "nowhere.json")
    monkeypatch.delenv("RIO_CONFIG", raising=False)
    with pytest.raises(ConfigurationError, match="RIO_CONFIG"):
        Settings.from_env("RIO_CONFIG")


def test_senders_are_known_by_their_tokens() -> None:
    entries = {"orders": SenderEntry(types=["order.*"]), "relay": SenderEntry(relays=True)}
    senders = Senders({"orders": "o-token", "relay": "r-token", "stranger": "s-token"}, entries)
    assert senders.by_token("o-token") == Sender("orders", ("order.*",))
    assert senders.by_token("o-token ") is None
    assert senders.by_token("\udcff") is None
    assert senders.by_token("s-token") is None
    assert senders.service("orders") == senders.by_token("o-token")
    assert senders.service("relay") is None


def test_a_viewer_sees_everything_and_does_nothing() -> None:
    senders = Senders({"viewer": "v-token"}, {"viewer": SenderEntry(viewer=True)})
    viewer = senders.by_token("v-token")
    assert viewer == Sender("viewer", viewer=True)
    assert viewer.may_read("any.type")
    assert not viewer.may_emit("any.type")
    assert not viewer.may_subscribe("any.type")
    assert not viewer.may_post_to("https://example.org/")
    assert senders.service("viewer") is None


@pytest.mark.parametrize("right", [{"types": ["a"]}, {"reads": ["a"]}, {"admin": True}, {"relays": True}])
def test_a_viewer_has_no_other_right(right: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no other right"):
        SenderEntry(viewer=True, **right)


def test_a_subscription_is_the_senders_with_the_longest_name_that_fits() -> None:
    entries = {name: SenderEntry() for name in ("orders", "orders-archive")}
    senders = Senders({}, entries)
    assert senders.owner_of("orders") == senders.owner_of("orders-copy") == "orders"
    assert senders.owner_of("orders-archive") == senders.owner_of("orders-archive-2") == "orders-archive"
    assert senders.owner_of("ordersarchive") is None


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        ("/joe", True),
        ("/joe/a", True),
        ("/joe?a", True),
        ("/joes", False),
        ("/orders", False),
        ("joe", False),
        ("https://example.org/joe", True),
        ("https://example.org/joe/1", True),
        ("https://example.org/joe.1", False),
    ],
)
def test_a_sender_has_its_own_sources(source: str, allowed: bool) -> None:
    sender = Sender("joe", ("#",), sources=("https://example.org/joe",))
    assert sender.may_use_source(source) is allowed


@pytest.mark.parametrize(
    ("sink", "allowed"),
    [
        ("/joe/events", True),
        ("/joe", False),
        ("/joes/events", False),
        ("/orders/events", False),
        ("https://hooks.example.org/x?y", True),
        ("https://HOOKS.example.org:8443", True),
        ("https://example.org/", False),
        ("https://a.example.com/", True),
        ("https://example.com.evil.org/", False),
        ("https://evil.org/hooks.example.org", False),
    ],
)
def test_a_sender_has_sinks_below_its_own_path_and_where_it_may_post(sink: str, allowed: bool) -> None:
    sender = Sender("joe", egress=("hooks.example.org", "*.example.com"))
    assert sender.may_post_to(sink) is allowed


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"orders": ""}', '{"orders": 7}'])
def test_bad_senders_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "senders.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"senders\.json"):
        read_tokens(path)
