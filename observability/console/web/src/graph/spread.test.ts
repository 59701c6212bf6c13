import assert from "node:assert/strict";
import { test } from "node:test";
import { spread } from "./spread.ts";

const wish = (centre: number, weight = 1) => ({ centre, weight, size: 10 });

test("wishes that leave room are fulfilled", () => {
  assert.deepEqual(spread([wish(0), wish(50)], 4), [0, 50]);
});

test("what is too close moves apart evenly", () => {
  assert.deepEqual(spread([wish(0), wish(0)], 4), [-7, 7]);
});

test("what weighs more moves less", () => {
  const [light, heavy] = spread([wish(0, 1), wish(0, 3)], 2);
  assert.deepEqual([light, heavy], [-9, 3]);
});

test("a wish behind the one before keeps its place in the order", () => {
  const [first, second] = spread([wish(100), wish(0)], 0);
  assert.ok(second! - first! === 10);
});
