import assert from "node:assert/strict";
import { test } from "node:test";
import { scaleOf } from "./scatter-scale.ts";

test("a linear axis begins at zero and has round marks", () => {
  const { share, marks } = scaleOf([120, 370], false);
  assert.deepEqual(marks, [0, 100, 200, 300, 400]);
  assert.equal(share(200), 0.5);
  assert.equal(share(-5), 0);
});

test("a logarithmic axis spans powers of ten", () => {
  const { share, marks } = scaleOf([150, 90_000], true);
  assert.deepEqual(marks, [100, 1000, 10_000, 100_000]);
  assert.ok(Math.abs(share(1000) - 1 / 3) < 1e-9);
  assert.equal(share(0), 0);
});

test("all values are on the axis, whatever they are", () => {
  for (const values of [[], [0], [1], [1, 1], [5e9, 1], [999_999]]) {
    for (const isLogarithmic of [true, false]) {
      const { share, marks } = scaleOf(values, isLogarithmic);
      assert.ok(marks.length >= 2 && marks.length < 20, `${values}: ${marks}`);
      for (const value of values) assert.ok(share(value) >= 0 && share(value) <= 1);
    }
  }
});
