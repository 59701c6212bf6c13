"""Settings from a hop's environment."""

import pytest

from observability.settings import Settings, SettingsError


def test_an_empty_environment_sends_telemetry_nowhere() -> None:
    settings = Settings.from_env("accounts", {})
    assert settings.instance_id == "accounts"
    assert settings.environment == "default"
    assert settings.otlp_endpoint is None
    assert settings.fluent_address is None
    assert settings.collector_health_url is None


def test_everything_set() -> None:
    settings = Settings.from_env(
        "accounts",
        {
            "SERVICE_INSTANCE_ID": "accounts-2",
            "NEXTPHASE_INSTANCE": "trial",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/",
            "FLUENT_ADDRESS": "collector:24224",
            "COLLECTOR_HEALTH_URL": "http://collector:13133/",
        },
    )
    assert settings.otlp_endpoint == "http://collector:4318"
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
            },
        )
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "FLUENT_ADDRESS", "COLLECTOR_HEALTH_URL"):
        assert name in str(caught.value)


@pytest.mark.parametrize("address", ["", ":24224", "host:", "host:0", "host:65536", "host:http"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(SettingsError, match="FLUENT_ADDRESS"):
        Settings.from_env("accounts", {"FLUENT_ADDRESS": address})
