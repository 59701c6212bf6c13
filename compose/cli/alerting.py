"""The alerts of now, from Prometheus and Alertmanager: Prometheus knows what is pending and why, Alertmanager
what is silenced or inhibited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from compose.cli.errors import Failure
from compose.cli.prometheus import INSTANCE_LABEL
from compose.cli.store_client import StoreClient, TelemetryError
from compose.cli.stores import Stores

T = TypeVar("T")
Labels = Mapping[str, str]

FIRING, PENDING, SILENCED, INHIBITED = STANDINGS = ("firing", "pending", "silenced", "inhibited")
"""Silenced and inhibited alerts fire, too, but are not notified; a pending one has not lasted long enough."""

WATCHDOG = "Watchdog"
"""The alert that always fires: where it does not, alerting itself is broken."""

_SEVERITIES = ("critical", "warning", "info")


@dataclass(frozen=True)
class Silence:
    """Why some alerts are not notified, until when, and who asked for that."""

    id: str
    ends_at: datetime
    created_by: str
    comment: str

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Silence:
        """A silence as Alertmanager gives it."""
        ends_at = datetime.fromisoformat(document["endsAt"])
        return cls(document["id"], ends_at, document["createdBy"], document["comment"])


@dataclass
class Alert:
    """since: when it began to fire, or to be pending. value: what the rule's expression gives for it; None
    where Prometheus does not say. silences, causes: why it is not notified, the causes being alerts."""

    labels: Labels
    annotations: Labels
    standing: str
    since: datetime
    value: float | None = None
    silences: Sequence[Silence] = ()
    causes: list[Alert] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.labels.get("alertname", "")

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "")

    @property
    def service(self) -> str | None:
        """The part that it is about."""
        return self.labels.get("service")

    @property
    def culprit(self) -> str | None:
        """The part at fault: of an inhibited alert that of the alert which explains it."""
        return self.causes[0].service if self.causes else self.service


@dataclass(frozen=True)
class Alerts:
    """found: without the Watchdog, the worst first, the oldest of equals first. unknown: a line for all that
    could not be found out; without Alertmanager's answer nothing is silenced or inhibited."""

    found: Sequence[Alert]
    unknown: Sequence[str]

    def of(self, standing: str) -> list[Alert]:
        """The alerts that are firing, pending, silenced or inhibited, as `standing` says."""
        return [alert for alert in self.found if alert.standing == standing]


class Alerting:
    """The alerting of one instance. names: the alerts that the checkout has rules for."""

    def __init__(self, client: StoreClient, stores: Stores, instance: str, names: Collection[str]) -> None:
        self._client = client
        self._stores = stores
        self._instance = instance
        self._names = names

    def alerts(self) -> Alerts:
        """The alerts of now, as far as the stores answer."""
        unknown: list[str] = []
        has_alertmanager = self._stores.alertmanager.url is not None
        rules = _known(self._rules, unknown) or []
        received = _known(self._received, unknown) if has_alertmanager else []
        silences = _known(self._silences, unknown) if received else []
        found = _merged(rules, received or [], {silence.id: silence for silence in silences or ()})
        if has_alertmanager and received is not None and not any(map(_is_watchdog, received)):
            unknown.append(
                f"Alertmanager has no alert {WATCHDOG}, which always fires: others may not reach it, either"
            )
        return Alerts(sorted((one for one in found if one.name != WATCHDOG), key=_urgency), unknown)

    def _rules(self) -> list[Mapping[str, Any]]:
        answer = self._client.get(self._stores.prometheus, "/api/v1/rules", {"type": "alert"})
        alerts = [
            alert
            for group in answer["data"]["groups"]
            for rule in group["rules"]
            for alert in rule.get("alerts") or ()
        ]
        is_ours = self._stores.prometheus.is_ours
        return [alert for alert in alerts if is_ours or self._is_of_instance(alert["labels"])]

    def _received(self) -> list[Mapping[str, Any]]:
        answer = self._client.get(self._stores.alertmanager, "/api/v2/alerts")
        is_ours = self._stores.alertmanager.is_ours
        return [alert for alert in answer if is_ours or self._is_of_instance(alert["labels"])]

    def _is_of_instance(self, labels: Labels) -> bool:
        """Whether an alert of an existing store is this instance's: it has the alerts of others, too, and our
        rules that are evaluated elsewhere do not keep the label."""
        named = labels.get(INSTANCE_LABEL)
        return named == self._instance or (named is None and labels.get("alertname") in self._names)

    def _silences(self) -> list[Silence]:
        return list(map(Silence.read, self._client.get(self._stores.alertmanager, "/api/v2/silences")))

    def silence(self, labels: Labels, length: timedelta, user: str, comment: str) -> Silence:
        """Silence the alerts with these labels: no notification of them is sent. Raises TelemetryError."""
        if self._stores.prometheus.is_ours and not self._stores.alertmanager.is_ours:
            labels = {**labels, INSTANCE_LABEL: self._instance}  # not those of others who share it
        matchers = [_matcher(name, value) for name, value in labels.items()]
        return self._silence(matchers, length, user, comment)

    def silence_any(
        self, names: Sequence[str], labels: Labels, length: timedelta, user: str, comment: str
    ) -> Silence:
        """Silence the alerts of several names with these labels; an empty one is one that they do not have.

        Raises TelemetryError.
        """
        named = {"name": "alertname", "value": "|".join(names), "isRegex": True, "isEqual": True}
        matchers = [named, *(_matcher(name, value) for name, value in labels.items())]
        return self._silence(matchers, length, user, comment)

    def _silence(
        self, matchers: Sequence[Mapping[str, Any]], length: timedelta, user: str, comment: str
    ) -> Silence:
        now = datetime.now(UTC)
        body = {
            "matchers": matchers,
            "startsAt": now.isoformat(),
            "endsAt": (now + length).isoformat(),
            "createdBy": user,
            "comment": comment,
        }
        answer = self._client.ask("POST", self._stores.alertmanager, "/api/v2/silences", body=body)
        return Silence(answer.json()["silenceID"], now + length, user, comment)

    def end(self, silence_id: str) -> Silence:
        """End a silence before its time; returns it. Raises TelemetryError, Failure where there is none."""
        path = f"/api/v2/silence/{silence_id}"
        document = self._client.get(self._stores.alertmanager, path, missing={})
        if not document:
            raise Failure(
                f"there is no silence {silence_id}.", advice="Alertmanager keeps ended ones for 5 days."
            )
        silence = Silence.read(document)
        if document["status"]["state"] == "expired":
            raise Failure(
                f"silence {silence_id} has ended already, at {silence.ends_at:%Y-%m-%d %H:%M:%S} UTC."
            )
        self._client.ask("DELETE", self._stores.alertmanager, path)
        return silence


def _matcher(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": False, "isEqual": True}


def _is_watchdog(received: Mapping[str, Any]) -> bool:
    return bool(received["labels"].get("alertname") == WATCHDOG)


def _known(ask: Callable[[], T], unknown: list[str]) -> T | None:
    """The result of `ask`; None if the store does not answer, with the reason added to `unknown`."""
    try:
        return ask()
    except TelemetryError as error:
        unknown.append(str(error))
        return None


def _merged(
    rules: Sequence[Mapping[str, Any]],
    received: Sequence[Mapping[str, Any]],
    silences: Mapping[str, Silence],
) -> list[Alert]:
    """One alert for each that either store has."""
    found: list[Alert] = []
    by_fingerprint: dict[str, Alert] = {}
    left = list(received)
    for rule in rules:
        match = _counterpart(rule["labels"], left)
        found.append(alert := _of_rule(rule, match, silences))
        if match is not None:
            left.remove(match)
            by_fingerprint[match["fingerprint"]] = alert
    for one in left:
        found.append(alert := _of_alertmanager(one, silences))
        by_fingerprint[one["fingerprint"]] = alert
    for one in received:
        causes = [by_fingerprint[cause] for cause in one["status"]["inhibitedBy"] if cause in by_fingerprint]
        by_fingerprint[one["fingerprint"]].causes += causes
    return found


def _counterpart(labels: Labels, received: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The same alert as Alertmanager has it: with Prometheus' external labels besides its own."""
    having = [one for one in received if labels.items() <= one["labels"].items()]
    return min(having, key=lambda one: len(one["labels"]), default=None)


def _of_rule(
    rule: Mapping[str, Any], received: Mapping[str, Any] | None, silences: Mapping[str, Silence]
) -> Alert:
    alert = Alert(
        rule["labels"],
        rule["annotations"],
        PENDING,
        datetime.fromisoformat(rule["activeAt"]),
        float(rule["value"]),
    )
    if rule["state"] == PENDING:
        return alert
    alert.standing = FIRING
    if received is not None:
        known = _of_alertmanager(received, silences)
        alert.standing, alert.since, alert.silences = known.standing, known.since, known.silences
    return alert


def _of_alertmanager(received: Mapping[str, Any], silences: Mapping[str, Silence]) -> Alert:
    status = received["status"]
    standing = SILENCED if status["silencedBy"] else INHIBITED if status["inhibitedBy"] else FIRING
    since = datetime.fromisoformat(received["startsAt"])
    of_alert = [silences[one] for one in status["silencedBy"] if one in silences]
    return Alert(received["labels"], received["annotations"], standing, since, silences=of_alert)


def _urgency(alert: Alert) -> tuple[int, int, datetime]:
    severity = alert.severity if alert.severity in _SEVERITIES else _SEVERITIES[-1]
    return STANDINGS.index(alert.standing), _SEVERITIES.index(severity), alert.since
