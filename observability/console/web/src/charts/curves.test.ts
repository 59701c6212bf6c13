import assert from "node:assert/strict";
import test from "node:test";
import { bands, type Curve, heights, lonely, spanned } from "./curves.ts";

const curve = (values: (number | null)[], stack?: string): Curve => ({
  name: "",
  colour: "",
  values,
  ...(stack ? { stack } : {}),
});

test("curves of one stack lie on one another, others do not", () => {
  assert.deepEqual(heights([curve([1, 2, null], "a"), curve([5, 5, 5]), curve([10, null, null], "a")]), [
    [1, 2, null],
    [5, 5, 5],
    [11, 2, null],
  ]);
});

test("a stack of shares ends at one", () => {
  assert.deepEqual(heights([curve([1, 0], "%a"), curve([3, 0], "%a")]), [
    [0.25, 0],
    [1, 0],
  ]);
});

test("a stack is filled from curve to curve", () => {
  assert.deepEqual(bands([curve([], "a"), curve([]), curve([], "a"), curve([], "b"), curve([], "a")]), [
    [2, 0],
    [4, 2],
  ]);
});

test("short gaps are drawn through, long ones not", () => {
  assert.deepEqual(spanned([1, null, 3, null, null, null, 7, null], [0, 10, 20, 30, 40, 50, 60, 70], 30), [
    1,
    undefined,
    3,
    null,
    null,
    null,
    7,
    null,
  ]);
});

test("lonely values are found at the ends too", () => {
  assert.deepEqual(lonely([1, null, 2, 3, null, 4]), [0, 5]);
  assert.deepEqual(lonely([1, undefined, 2]), []);
});
