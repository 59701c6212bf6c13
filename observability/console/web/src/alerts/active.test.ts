import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReceivedAlert, Silence } from "../stores/alertmanager.ts";
import type { Labels, RuleAlert, RuleGroup } from "../stores/prometheus.ts";
import { activeAlerts, condition, culpritOf } from "./active.ts";

const found = (labels: Labels, state = "firing"): RuleAlert =>
  ({ labels, annotations: {}, state, activeAt: "2026-01-31T14:00:00Z", value: "1e+00" });
const groups = (...alerts: RuleAlert[]): RuleGroup[] =>
  [{ name: "g", file: "f", interval: 5, rules: [{ type: "alerting", name: "r", query: "up == 0", health: "ok", alerts }] }];
const received = (fingerprint: string, labels: Labels, status: Partial<ReceivedAlert["status"]> = {}): ReceivedAlert => ({
  fingerprint, labels, annotations: {}, startsAt: "2026-01-31T14:00:30Z", endsAt: "2026-01-31T14:10:00Z",
  status: { state: "active", inhibitedBy: [], silencedBy: [], ...status },
});
const silence = (id: string): Silence => ({
  id, comment: "planned", createdBy: "ada", startsAt: "", endsAt: "", status: { state: "active" },
  matchers: [{ name: "service", value: "orders", isRegex: false, isEqual: true }],
});

const DOWN = { alertname: "HopDown", service: "orders", severity: "critical" };
const FAILS = { alertname: "HighErrorRatio", service: "orders", severity: "critical" };

test("an alert fires since Alertmanager says", () => {
  const [alert] = activeAlerts(groups(found(DOWN)), [received("a", DOWN)]);
  assert.equal(alert!.standing, "firing");
  assert.equal(alert!.since, Date.parse("2026-01-31T14:00:30Z"));
  assert.equal(alert!.value, 1);
});

test("an alert that Alertmanager does not have yet fires, too", () => {
  const [alert] = activeAlerts(groups(found(DOWN)), []);
  assert.equal(alert!.standing, "firing");
  assert.equal(alert!.fingerprint, undefined);
  assert.equal(alert!.since, Date.parse("2026-01-31T14:00:00Z"));
});

test("a pending alert is pending whatever Alertmanager still has of it", () => {
  const [alert] = activeAlerts(groups(found(DOWN, "pending")), [received("a", DOWN, { inhibitedBy: ["b"] })]);
  assert.equal(alert!.standing, "pending");
  assert.deepEqual(alert!.inhibitors, []);
});

test("an inhibited alert names what explains it, and that names what it explains", () => {
  const alerts = activeAlerts(groups(found(DOWN), found(FAILS)), [received("a", DOWN), received("b", FAILS, { state: "suppressed", inhibitedBy: ["a"] })]);
  const [down, fails] = ["HopDown", "HighErrorRatio"].map((name) => alerts.find((alert) => alert.name === name)!);
  assert.equal(fails!.standing, "inhibited");
  assert.deepEqual(fails!.inhibitors, [down]);
  assert.deepEqual(down!.explains, [fails]);
});

test("an inhibitor that has ended is named by its fingerprint", () => {
  const [alert] = activeAlerts(groups(found(FAILS)), [received("b", FAILS, { inhibitedBy: ["gone"] })]);
  assert.deepEqual(alert!.inhibitors, ["gone"]);
});

test("a silenced alert has its silence, and is silenced even where it is inhibited besides", () => {
  const alerts = activeAlerts(groups(found(FAILS)), [received("b", FAILS, { silencedBy: ["s"], inhibitedBy: ["a"] })], [silence("s"), silence("other")]);
  assert.equal(alerts[0]!.standing, "silenced");
  assert.deepEqual(alerts[0]!.silences.map(({ id }) => id), ["s"]);
  assert.equal(condition(alerts[0]!.silences[0]!), 'service="orders"');
});

test("labels that Prometheus adds on its way out do not make two of one alert", () => {
  const alerts = activeAlerts(groups(found(DOWN)), [received("a", { ...DOWN, cluster: "eu" })]);
  assert.deepEqual(alerts.map(({ fingerprint }) => fingerprint), ["a"]);
});

test("what only Alertmanager has is shown", () => {
  const alerts = activeAlerts(groups(), [received("a", { alertname: "Elsewhere" })]);
  assert.deepEqual(alerts.map(({ name, standing, value }) => [name, standing, value]), [["Elsewhere", "firing", undefined]]);
});

test("without Alertmanager everything fires", () => {
  assert.deepEqual(activeAlerts(groups(found(DOWN), found(FAILS, "pending")), undefined).map(({ standing }) => standing), ["firing", "pending"]);
});

test("the worst comes first", () => {
  const severities = ["none", "warning", "critical"].map((severity) => found({ alertname: severity, severity }));
  assert.deepEqual(activeAlerts(groups(...severities), []).map(({ name }) => name), ["critical", "warning", "none"]);
});

test("the culprit is what the alert is about, and of an inhibited one what its inhibitor is about", () => {
  const gateway = { alertname: "GatewayPartialAnswers", service: "gateway", severity: "warning" };
  const alerts = activeAlerts(groups(found(DOWN), found(gateway)), [received("a", DOWN), received("b", gateway, { inhibitedBy: ["a"] })]);
  assert.deepEqual(alerts.map((alert) => [alert.name, culpritOf(alert)]), [["HopDown", "orders"], ["GatewayPartialAnswers", "orders"]]);
  assert.equal(culpritOf(activeAlerts(groups(found({ alertname: "Watchdog" })), [])[0]!), undefined);
});
