import assert from "node:assert/strict";
import { test } from "node:test";
import { selfTimes } from "./self-time.ts";
import { chain, trace } from "./testing.ts";

test("the time of children is not the span's own", () => {
  const found = trace(
    { id: "root", start: 0, duration: 100 },
    { id: "a", parent: "root", start: 10, duration: 20 },
    { id: "b", parent: "root", start: 50, duration: 10 },
  );
  assert.deepEqual(selfTimes(found), [70, 20, 10]);
});

test("children that run beside each other count once", () => {
  const found = trace(
    { id: "root", start: 0, duration: 100 },
    { id: "a", parent: "root", start: 10, duration: 50 },
    { id: "b", parent: "root", start: 20, duration: 10 },
    { id: "c", parent: "root", start: 40, duration: 40 },
  );
  assert.equal(selfTimes(found)[0], 30);
});

test("children count within their parent only: late ones, early ones, and those that outlive it", () => {
  const found = trace(
    { id: "root", start: 100, duration: 100 },
    { id: "early", parent: "root", start: 60, duration: 50 },
    { id: "outlives", parent: "root", start: 190, duration: 500 },
    { id: "after", parent: "root", start: 300, duration: 10 },
  );
  assert.equal(selfTimes(found)[0], 80);
});

test("it is never below zero, nor more than the span took, however deep the trace", () => {
  const found = trace(...chain(30_000));
  selfTimes(found).forEach((self, at) => assert.ok(self >= 0 && self <= found.spans[at]!.duration));
});
