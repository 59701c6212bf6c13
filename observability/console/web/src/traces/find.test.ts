import assert from "node:assert/strict";
import { test } from "node:test";
import { matching } from "./find.ts";
import { line, trace } from "./testing.ts";

const found = trace(
  { id: "aa11", service: "edge", name: "POST /v1/orders", start: 0, duration: 9 },
  {
    id: "bb22",
    parent: "aa11",
    service: "orders",
    name: "INSERT",
    start: 1,
    duration: 2,
    tags: { "db.query.text": "INSERT INTO outbox", "http.response.status_code": 404 },
  },
  {
    id: "cc33",
    parent: "aa11",
    service: "rio",
    name: "process",
    start: 4,
    duration: 2,
    events: [{ at: 5, fields: { event: "retry", reason: "Timeout" } }],
  },
);

test("spans are found by name, service, id, tag, event and log line, whatever the capitals", () => {
  assert.deepEqual(matching(found, "post /V1"), [0]);
  assert.deepEqual(matching(found, "orders"), [0, 1]);
  assert.deepEqual(matching(found, "cc33"), [2]);
  assert.deepEqual(matching(found, "status_code=404"), [1]);
  assert.deepEqual(matching(found, "timeout"), [2]);
  assert.deepEqual(matching(found, "refused", new Map([["cc33", [line("cc33", "Rio REFUSED it")]]])), [2]);
});

test("nothing is found by nothing", () => {
  assert.deepEqual(matching(found, "  "), []);
  assert.deepEqual(matching(found, "(.*"), []);
});
