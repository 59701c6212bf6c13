import assert from "node:assert/strict";
import { test } from "node:test";
import { offsetOf, windowOf } from "./virtual.ts";

const heights = (open: [number, number][] = [], count = 20_000) => ({ count, row: 24, open: new Map(open) });

test("only rows in sight and some beyond are drawn", () => {
  assert.deepEqual(windowOf(heights(), 0, 1000), { first: 0, last: 57 });
  const { first, last } = windowOf(heights(), 240_000, 241_000);
  assert.ok(first < 10_000 && last > 10_041 && last - first < 100);
});

test("the ends of the list are the ends", () => {
  assert.deepEqual(windowOf(heights(), 24 * 20_000 - 1000, 24 * 20_000), { first: 19_943, last: 20_000 });
  assert.deepEqual(windowOf(heights([], 3), -500, 500), { first: 0, last: 3 });
  assert.deepEqual(windowOf(heights([], 0), 0, 500), { first: 0, last: 0 });
  assert.deepEqual(windowOf(heights([], 3), 5000, 6000).last, 3);
});

test("what is open moves the rows behind it", () => {
  const open = heights([[2, 500]]);
  assert.equal(offsetOf(open, 2), 48);
  assert.equal(offsetOf(open, 3), 72 + 500);
  const below = windowOf(open, 72 + 500 + 24 * 40, 72 + 500 + 24 * 41);
  assert.equal(below.first, 43 - 15);
  assert.ok(windowOf(open, 100, 200).first === 0);
});
