import assert from "node:assert/strict";
import { test } from "node:test";
import { revealing, spanRows, UNFOLDED } from "./rows.ts";
import { chain, trace } from "./testing.ts";

const found = trace(
  { id: "edge", service: "edge", start: 0, duration: 100 },
  { id: "orders", parent: "edge", service: "orders", start: 1, duration: 90 },
  { id: "sql", parent: "orders", service: "orders", start: 2, duration: 10 },
  { id: "create", parent: "orders", service: "orders", start: 20, duration: 10 },
  { id: "insert", parent: "create", service: "orders", start: 21, duration: 2 },
  { id: "relay", parent: "create", service: "relay", start: 30, duration: 60 },
);
const shape = (folding: typeof UNFOLDED) =>
  spanRows(found, folding).map(
    ({ span, level, folded }) => `${" ".repeat(level)}${span.id}${folded ? ` +${folded}` : ""}`,
  );

test("without folding every span has a row", () => {
  assert.deepEqual(shape(UNFOLDED), ["edge", " orders", "  sql", "  create", "   insert", "   relay"]);
});

test("a folded span hides all below it", () => {
  assert.deepEqual(shape({ spans: new Set(["create"]), services: new Set() }), [
    "edge",
    " orders",
    "  sql",
    "  create +2",
  ]);
  assert.deepEqual(shape({ spans: new Set(["create", "edge"]), services: new Set() }), ["edge +5"]);
});

test("a folded service shows where it was entered and what it called", () => {
  assert.deepEqual(shape({ spans: new Set(), services: new Set(["orders"]) }), ["edge", " orders +3", "  relay"]);
  assert.deepEqual(shape({ spans: new Set(["create"]), services: new Set(["orders"]) }), ["edge", " orders +4"]);
});

test("the row above is that of the nearest ancestor in sight", () => {
  const rows = spanRows(found, { spans: new Set(), services: new Set(["orders"]) });
  assert.equal(rows.at(-1)!.above, 1);
});

test("a span is shown by unfolding what hides it, and no more", () => {
  const folding = { spans: new Set(["create", "relay"]), services: new Set(["orders", "edge"]) };
  const after = revealing(found, folding, 4);
  assert.deepEqual([...after.spans], ["relay"]);
  assert.deepEqual([...after.services], ["edge"]);
  assert.ok(spanRows(found, after).some(({ span }) => span.id === "insert"));
});

test("deep traces fold", () => {
  const deep = trace(...chain(30_000));
  assert.equal(spanRows(deep, { spans: new Set(["s0"]), services: new Set() }).length, 1);
  assert.equal(spanRows(deep, UNFOLDED).length, 30_000);
});
