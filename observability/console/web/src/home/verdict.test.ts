import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActiveAlert, Standing } from "../alerts/active.ts";
import type { Health } from "../map/health.ts";
import type { ProcessState } from "../stores/platform.ts";
import { verdict } from "./verdict.ts";

const alert = (name: string, severity: string, standing: Standing = "firing"): ActiveAlert => ({
  name, labels: { alertname: name, severity }, annotations: {}, standing, since: 0, value: 1, fingerprint: name, silences: [], inhibitors: [], explains: [],
});
const WATCHDOG = alert("Watchdog", "none");
const part = (name: string, state: Health["state"]): [string, Health] => [name, { state, reasons: [] }];
const process = (name: string, state: string, ready: boolean | null, exit_code = 0): ProcessState => ({ name, state, ready, restarts: 0, age_seconds: 9, exit_code });

test("all is well while only the Watchdog fires", () => {
  const found = verdict({ alerts: [WATCHDOG], health: [part("gateway", "good"), part("x", "unknown")], processes: [process("gateway", "Running", true), process("databases", "Completed", null)] });
  assert.deepEqual(found, { state: "good", sentence: "All is well", points: ["1 part well", "alerts get through"] });
});

test("firing alerts decide by their severity", () => {
  assert.equal(verdict({ alerts: [WATCHDOG, alert("A", "warning")], health: [], processes: [] }).state, "warning");
  const found = verdict({ alerts: [WATCHDOG, alert("A", "warning"), alert("B", "critical")], health: [], processes: [] });
  assert.deepEqual([found.state, found.sentence], ["bad", "2 alerts fire"]);
});

test("what is pending, silenced or inhibited is counted and does not fire", () => {
  const found = verdict({ alerts: [WATCHDOG, alert("A", "critical", "pending"), alert("B", "critical", "inhibited")], health: [part("gateway", "good")], processes: [] });
  assert.deepEqual(found.points, ["1 part well", "1 pending", "1 inhibited", "alerts get through"]);
  assert.equal(found.sentence, "All is well");
});

test("a silent Watchdog is the worst of news", () => {
  const found = verdict({ alerts: [], health: [part("gateway", "good")], processes: [] });
  assert.deepEqual([found.state, found.sentence], ["bad", "Alerting does not work"]);
});

test("a part that is not well and a process that has ended are named, before an alert tells of them", () => {
  const found = verdict({ alerts: [WATCHDOG], health: [part("orders", "bad")], processes: [process("orders", "Restarting", false), process("rio-api", "Running", false), process("migrate", "Completed", null, 1)] });
  assert.equal(found.sentence, "No alert fires, and not all is well");
  assert.deepEqual(found.points.slice(0, 2), ["not well: orders", "processes not as they should be: orders (not ready), rio-api (not ready), migrate (completed)"]);
});

test("without a supervisor its processes are not judged", () => {
  assert.equal(verdict({ alerts: [WATCHDOG], health: [part("gateway", "good")], processes: undefined }).state, "good");
});
