"""Settings from a hop's environment."""

from pathlib import Path

import pytest

from observability.exporter.settings import OtlpSettings
from observability.settings import Settings, SettingsError
from observability.version import VERSION


def test_an_empty_environment_sends_telemetry_nowhere() -> None:
    settings = Settings.from_env("accounts", {})
    assert settings.instance_id == "accounts"
    assert settings.environment == "default"
    assert settings.otlp is None
    assert settings.version == VERSION
    assert settings.fluent_address is None
    assert settings.collector_health_url is None


def test_everything_set() -> None:
    settings = Settings.from_env(
        "accounts",
        {
            "SERVICE_INSTANCE_ID": "accounts-2",
            "NEXTPHASE_INSTANCE": "trial",
            "SERVICE_VERSION": "2.1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
            "FLUENT_ADDRESS": "collector:24224",
            "COLLECTOR_HEALTH_URL": "http://collector:13133/",
        },
    )
    assert settings.otlp == OtlpSettings("http://collector:4318/v1/traces")
    assert settings.version == "2.1"
    assert settings.fluent_address == ("collector", 24224)
    assert settings.collector_health_url == "http://collector:13133/"


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            "accounts",
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318",
                "FLUENT_ADDRESS": "collector",
                "COLLECTOR_HEALTH_URL": "http://[",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://",
                "OTEL_EXPORTER_OTLP_CERTIFICATE": "/none/authority.pem",
                "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "/none/own.pem",
                "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/none/own.key",
            },
        )
    assert [fault.partition(":")[0] for fault in str(caught.value).split("; ")] == [
        "FLUENT_ADDRESS",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE",
        "OTEL_EXPORTER_OTLP_CLIENT_KEY",
        "COLLECTOR_HEALTH_URL",
    ]


def test_a_key_is_of_a_certificate(tmp_path: Path) -> None:
    key = tmp_path / "own.key"
    key.touch()
    with pytest.raises(SettingsError, match="OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not set"):
        Settings.from_env("accounts", {"OTEL_EXPORTER_OTLP_CLIENT_KEY": str(key)})


@pytest.mark.parametrize("address", ["", ":24224", "host:", "host:0", "host:65536", "host:http"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(SettingsError, match="FLUENT_ADDRESS"):
        Settings.from_env("accounts", {"FLUENT_ADDRESS": address})
