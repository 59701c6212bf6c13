import assert from "node:assert/strict";
import { test } from "node:test";
import { routeSelector, slowOf } from "./route-metrics.ts";

const span = { traceID: "a", spanID: "b", references: [], logs: [], warnings: null };

test("a route is method and path of the gateway", () => {
  assert.equal(routeSelector({ method: "GET", path: "/v1/a/{b}" }, 'x="y"'), '{service="gateway",http_request_method="GET",http_route="/v1/a/{b}",x="y"}');
});

test("the call is found among the spans of its trace", () => {
  const trace = {
    traceID: "a", processes: { p1: { serviceName: "edge-nginx", tags: [] }, p2: { serviceName: "gateway", tags: [] } },
    spans: [
      { ...span, operationName: "GET /v1/a", startTime: 1e6, duration: 9e6, processID: "p1", tags: [] },
      { ...span, operationName: "GET /v1/a", startTime: 2e6, duration: 3e6, processID: "p2", tags: [{ key: "http.response.status_code", type: "int64", value: 200 }] },
    ],
  };
  assert.deepEqual(slowOf(trace, "GET /v1/a"), [{ id: "a", at: 2000, seconds: 3, status: "200" }]);
  assert.deepEqual(slowOf(trace, "GET /v1/other"), []);
});
