import json
from pathlib import Path

import pytest

from gateway.config.settings import Settings
from observability.configuration.errors import ConfigurationError

GOOD = {
    "host": "127.0.0.1",
    "ports": [8100, 8101],
    "metrics_ports": [8150, 8151],
    "services_url": "http://127.0.0.1:8081",
    "credential_file": "/nowhere",
    "services": {"accounts": {"timeout_seconds": 5}},
}


def load(folder: Path, document: object) -> Settings:
    file = folder / "gateway.json"
    file.write_text(json.dumps(document))
    return Settings.load(file)


def test_good(tmp_path: Path) -> None:
    assert load(tmp_path, GOOD).services["accounts"].timeout_seconds == 5


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ports": []}, "ports"),
        ({"ports": [8100]}, "same length"),
        ({"ports": [0, 1]}, "ports.0"),
        ({"services_url": "ftp://x"}, "services_url"),
        ({"services": {"accounts": {"timeout_seconds": 0}}}, "services.accounts.timeout_seconds"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_every_fault_is_named_with_file_and_field(
    tmp_path: Path, change: dict[str, object], field: str
) -> None:
    with pytest.raises(ConfigurationError, match=r"gateway\.json: ") as caught:
        load(tmp_path, GOOD | change)
    assert field in str(caught.value)


def test_missing_file_and_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    with pytest.raises(ConfigurationError, match="GATEWAY_CONFIG is not set"):
        Settings.read()
    monkeypatch.setenv("GATEWAY_CONFIG", "/nowhere/gateway.json")
    with pytest.raises(ConfigurationError, match="No such file"):
        Settings.read()


def test_an_empty_credential_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "credential"
    file.write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty"):
        load(tmp_path, GOOD | {"credential_file": str(file)}).credential()
