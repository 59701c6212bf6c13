import assert from "node:assert/strict";
import { test } from "node:test";
import type { Sample } from "../stores/prometheus.ts";
import { routeSignals } from "./routes.ts";

const sample = (service: string, http_route: string, value: number | string): Sample => ({ metric: { service, http_route }, value: [0, String(value)] });

test("the edge comes first, then the busiest route", () => {
  const found = routeSignals({
    requests: [sample("gateway", "/v1/stock", 1), sample("gateway", "/v1/orders", 2), sample("edge-nginx", "/v1/*", 3)], errors: [sample("gateway", "/v1/orders", 0.5)],
    p50: [sample("gateway", "/v1/orders", 0.01)], p95: [sample("gateway", "/v1/orders", 0.2), sample("gateway", "/v1/stock", "NaN")],
  });
  assert.deepEqual(found.map(({ route }) => route), ["/v1/*", "/v1/orders", "/v1/stock"]);
  assert.deepEqual(found[1], { service: "gateway", route: "/v1/orders", rate: 2, errors: 0.25, p50: 0.01, p95: 0.2 });
  assert.equal(found[2]!.p95, undefined);
});

test("a route that nobody asks for has no errors", () => {
  assert.equal(routeSignals({ requests: [sample("gateway", "/", 0)], errors: [sample("gateway", "/", 0)], p50: [], p95: [] })[0]!.errors, 0);
});
