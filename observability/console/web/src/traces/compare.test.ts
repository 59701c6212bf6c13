import assert from "node:assert/strict";
import { test } from "node:test";
import { compare } from "./compare.ts";
import { chain, trace } from "./testing.ts";

const left = trace(
  { id: "1", service: "edge", name: "POST", start: 0, duration: 100 },
  { id: "2", parent: "1", service: "orders", name: "SELECT", start: 10, duration: 10 },
  { id: "3", parent: "1", service: "orders", name: "SELECT", start: 30, duration: 10 },
  { id: "4", parent: "1", service: "orders", name: "DELETE", start: 50, duration: 10 },
);
const right = trace(
  { id: "5", service: "edge", name: "POST", start: 0, duration: 300 },
  { id: "6", parent: "5", service: "orders", name: "SELECT", start: 10, duration: 90, tags: { error: true } },
  { id: "7", parent: "6", service: "rio", name: "publish", start: 20, duration: 5 },
);

test("spans below the same ones stand beside each other; what only one has stands alone", () => {
  const rows = compare(left, right).map((row) => [row.level, row.name, row.left?.count, row.right?.count]);
  assert.deepEqual(rows, [
    [0, "POST", 1, 1],
    [1, "SELECT", 2, 1],
    [2, "publish", undefined, 1],
    [1, "DELETE", 1, undefined],
  ]);
});

test("times and failures are summed", () => {
  const [root, select] = compare(left, right);
  assert.deepEqual(select!.left, { count: 2, failed: 0, total: 20, self: 20 });
  assert.deepEqual(select!.right, { count: 1, failed: 1, total: 90, self: 85 });
  assert.equal(root!.right!.self, 210);
});

test("a trace does not differ from itself, however deep", () => {
  const deep = trace(...chain(20_000));
  const rows = compare(deep, deep);
  assert.equal(rows.length, 20_000);
  for (const row of rows) assert.deepEqual(row.left, row.right);
});
