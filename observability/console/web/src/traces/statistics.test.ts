import assert from "node:assert/strict";
import { test } from "node:test";
import { statistics } from "./statistics.ts";
import { trace } from "./testing.ts";

const found = trace(
  { id: "root", service: "edge", name: "POST", start: 0, duration: 100 },
  { id: "a", parent: "root", service: "orders", name: "SELECT", start: 10, duration: 10 },
  { id: "b", parent: "root", service: "orders", name: "SELECT", start: 30, duration: 30, tags: { error: true } },
  { id: "c", parent: "root", service: "orders", name: "INSERT", start: 70, duration: 10 },
);

test("operations are counted with their times", () => {
  const select = statistics(found).operations.find(({ operation }) => operation === "SELECT")!;
  assert.deepEqual(select, {
    service: "orders",
    operation: "SELECT",
    count: 2,
    failed: 1,
    total: 40,
    self: 40,
    share: 0.4,
    average: 20,
    least: 10,
    most: 30,
  });
});

test("services sum up their operations, and shares sum up to one", () => {
  const { services } = statistics(found);
  assert.deepEqual(
    services.map(({ service, count, self }) => [service, count, self]),
    [
      ["edge", 1, 50],
      ["orders", 3, 50],
    ],
  );
  assert.equal(
    services.reduce((sum, { share }) => sum + share, 0),
    1,
  );
});

test("a trace without duration has no shares", () => {
  assert.equal(statistics(trace({ id: "a", start: 0, duration: 0 })).services[0]!.share, 0);
});
