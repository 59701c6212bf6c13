import assert from "node:assert/strict";
import { test } from "node:test";
import type { Catalog } from "../stores/platform.ts";
import type { Sample } from "../stores/prometheus.ts";
import { type Call, serviceGraph, violation } from "./service-graph.ts";

const sample = (client: string, server: string, value: number | string, connection_type?: string): Sample =>
  ({ metric: { client, server, ...(connection_type ? { connection_type } : {}) }, value: [0, String(value)] });
const service = (name: string) => ({ name, description: `the ${name}`, framework: "", instances: 1, processes: [name], database: name, emits: [], subscriptions: [] });
const CATALOG: Catalog = {
  services: [service("orders"), service("accounts")], hops: [{ name: "gateway", description: "composes", processes: ["gateway"] }],
  calls: [["gateway", "orders"], ["gateway", "accounts"], ["orders", "postgresql/orders"]],
};

const seen = (calls: readonly Call[]): Call | undefined => calls.find(({ rate }) => rate > 0);

test("calls have their rate, their failures and their duration", () => {
  const { calls } = serviceGraph({ requests: [sample("gateway", "orders", 4)], failed: [sample("gateway", "orders", 1)], p95: [sample("gateway", "orders", 0.2)] }, CATALOG);
  const { rate, failed, p95, permission } = seen(calls)!;
  assert.deepEqual({ rate, failed, p95, permission }, { rate: 4, failed: 0.25, p95: 0.2, permission: "permitted" });
});

test("a call without failures has none, and one without durations has no percentile", () => {
  const { calls } = serviceGraph({ requests: [sample("gateway", "orders", 4)], failed: [], p95: [sample("gateway", "orders", "NaN")] }, CATALOG);
  assert.deepEqual([seen(calls)!.failed, seen(calls)!.p95], [0, undefined]);
});

test("parts and permitted calls that no trace shows are there", () => {
  const { parts, calls } = serviceGraph({ requests: [], failed: [], p95: [] }, CATALOG);
  assert.deepEqual(parts.map(({ name }) => name), ["gateway", "orders", "accounts", "postgresql/orders"]);
  assert.deepEqual(parts.filter(({ isStore }) => isStore).map(({ name }) => name), ["postgresql/orders"]);
  assert.deepEqual(calls.map(({ client, server, rate }) => [client, server, rate]), [...CATALOG.calls.map((call) => [...call, 0])].sort());
});

test("a call that the catalog does not permit is forbidden", () => {
  const graph = serviceGraph({ requests: [sample("orders", "accounts", 1)], failed: [], p95: [] }, CATALOG);
  assert.equal(seen(graph.calls)!.permission, "forbidden");
  assert.equal(violation(seen(graph.calls)!, graph), "orders calls accounts: the catalog does not permit it");
});

test("a part that the catalog does not know is marked, and so are its calls", () => {
  const graph = serviceGraph({ requests: [sample("orders", "mystery", 1)], failed: [], p95: [] }, CATALOG);
  assert.equal(seen(graph.calls)!.permission, "unknown");
  assert.deepEqual(graph.parts.filter(({ isKnown }) => !isKnown).map(({ name }) => name), ["mystery"]);
  assert.equal(violation(seen(graph.calls)!, graph), "orders calls mystery: the catalog does not know mystery");
});

test("calls of two kinds between the same parts are two", () => {
  const { calls } = serviceGraph({ requests: [sample("gateway", "orders", 1), sample("gateway", "orders", 2, "messaging_system")], failed: [], p95: [] }, CATALOG);
  assert.deepEqual(calls.filter(({ rate }) => rate > 0).map(({ kind, rate }) => [kind, rate]), [["", 1], ["messaging_system", 2]]);
});

test("calls that were not made in the time looked at are not seen", () => {
  const { calls } = serviceGraph({ requests: [sample("orders", "accounts", 0)], failed: [], p95: [] }, CATALOG);
  assert.ok(!calls.some(({ server, client }) => client === "orders" && server === "accounts"));
});

test("without a catalog nothing is forbidden or unknown", () => {
  const { parts, calls } = serviceGraph({ requests: [sample("a", "b", 1)], failed: [], p95: [] }, undefined);
  assert.deepEqual([seen(calls)!.permission, parts.every(({ isKnown }) => isKnown)], ["permitted", true]);
});

test("whoever subscribes may take events", () => {
  const { calls } = serviceGraph({ requests: [sample("gateway", "a-subscription", 1, "messaging_system")], failed: [], p95: [] }, CATALOG);
  assert.equal(seen(calls)!.permission, "permitted");
});
