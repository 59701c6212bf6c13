"""Configuration is refused whole, naming file and field."""

import json
from pathlib import Path

import pytest

from broker.configuration import ConfigurationError
from broker.rio.sender import Sender, Senders
from broker.rio.settings import Settings


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
    senders = Senders({"orders": "o-token", "relay": "r-token"})
    assert senders.by_token("r-token") == Sender("relay", ("#",), admin=True)
    assert senders.by_token("o-token ") is None
    assert senders.by_token("\udcff") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"orders": ""}', '{"orders": 7}'])
def test_bad_senders_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "senders.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"senders\.json"):
        Senders.load(path)
