"""The webhook of drills, and the configuration that leads Alertmanager to it."""

import time
from pathlib import Path

import httpx
import yaml

from compose.cli.drills import notifying
from compose.cli.drills.receiver import ALERTS, WATCHDOG, Receiver

ROOT = Path(__file__).resolve().parents[4]
CONFIGURATION = (ROOT / "observability/alertmanager/alertmanager.yml").read_text()


def test_alerts_are_kept_with_their_time_and_status() -> None:
    receiver, before = Receiver(), time.time()
    alert = {"status": "firing", "labels": {"alertname": "HopDown"}}
    with receiver.listening():
        httpx.post(receiver.url + ALERTS, json={"alerts": [alert]}, trust_env=False).raise_for_status()
    (found,) = receiver.since(before, "firing")
    assert found.labels == {"alertname": "HopDown"}
    assert receiver.since(before, "resolved") == receiver.since(time.time() + 1, "firing") == []


def test_the_watchdog_is_refused_where_a_drill_asks_for_it() -> None:
    receiver = Receiver()
    with receiver.listening():
        assert httpx.post(receiver.url + WATCHDOG, json={}, trust_env=False).status_code == 200
        receiver.refuses_watchdog = True
        assert httpx.post(receiver.url + WATCHDOG, json={}, trust_env=False).status_code == 400
    assert receiver.has_watchdog


def test_every_alert_goes_on_to_the_receivers_that_it_had() -> None:
    own = yaml.safe_load(CONFIGURATION)
    drilled = yaml.safe_load(notifying.with_receiver(CONFIGURATION, "http://127.0.0.1:1"))
    added = len(drilled["route"]["routes"]) - len(own["route"]["routes"])
    assert all(route["continue"] for route in drilled["route"]["routes"][:added])
    assert drilled["route"]["routes"][added:] == own["route"]["routes"]
    assert drilled["receivers"][: len(own["receivers"])] == own["receivers"]
    assert drilled["inhibit_rules"] == own["inhibit_rules"]
