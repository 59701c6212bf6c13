import assert from "node:assert/strict";
import { test } from "node:test";
import type { ActiveAlert } from "../alerts/active.ts";
import type { Sample } from "../stores/prometheus.ts";
import { healthOf, type Signs } from "./health.ts";

const sample = (service: string, instance: string, value: number): Sample => ({ metric: { service, instance }, value: [0, String(value)] });
const alert = (service: string, severity: string, standing: ActiveAlert["standing"] = "firing"): ActiveAlert => ({
  name: "HopDown", labels: { service, severity }, annotations: { summary: "it is down" }, standing, since: 0, value: 1,
  fingerprint: "f", silences: [], inhibitors: [], explains: [],
});
const signs = (given: Partial<Signs>): Signs => ({ up: [], ready: [], databases: [], alerts: [], ...given });

test("a part whose processes are up and ready is well", () => {
  const found = healthOf("gateway", signs({ up: [sample("gateway", "1", 1), sample("gateway", "2", 1)], ready: [sample("gateway", "1", 1)] }));
  assert.deepEqual(found, { state: "good", reasons: ["2 of 2 processes up", "ready"] });
});

test("one process down is a warning, all are bad", () => {
  assert.equal(healthOf("a", signs({ up: [sample("a", "1", 0), sample("a", "2", 1)] })).state, "warning");
  assert.equal(healthOf("a", signs({ up: [sample("a", "1", 0)] })).state, "bad");
});

test("a part that is up and not ready is bad", () => {
  assert.deepEqual(healthOf("a", signs({ up: [sample("a", "1", 1)], ready: [sample("a", "1", 0)] })),
    { state: "bad", reasons: ["1 of 1 process up", "1 of 1 not ready"] });
});

test("an alert about a part counts, silenced or not; a pending one and one about another do not", () => {
  const up = [sample("a", "1", 1)];
  assert.equal(healthOf("a", signs({ up, alerts: [alert("a", "critical")] })).state, "bad");
  assert.equal(healthOf("a", signs({ up, alerts: [alert("a", "warning", "silenced")] })).state, "warning");
  assert.equal(healthOf("a", signs({ up, alerts: [alert("a", "critical", "inhibited")] })).state, "warning");
  assert.equal(healthOf("a", signs({ up, alerts: [alert("a", "critical", "pending"), alert("b", "critical"), alert("a", "none")] })).state, "good");
});

test("of PostgreSQL those who use it tell", () => {
  const found = healthOf("postgresql/orders", signs({ databases: [sample("", "accounts-1", 1), sample("", "orders-1", 0)], alerts: [alert("postgres", "critical")] }));
  assert.deepEqual(found, { state: "bad", reasons: ["reached by 1 of 2 processes that use it", "HopDown: it is down"] });
});

test("what nothing tells of is not known", () => {
  assert.equal(healthOf("a", signs({})).state, "unknown");
});
