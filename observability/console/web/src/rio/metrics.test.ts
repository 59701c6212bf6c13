import assert from "node:assert/strict";
import { test } from "node:test";
import { perTime, valuesOf } from "./metrics.ts";

test("values are those of a label, without what is no number", () => {
  const samples = [["a", "1.5"], ["b", "NaN"], ["c", "0"]].map(([type, text]) => ({ metric: { type: type! }, value: [0, text!] as [number, string] }));
  assert.deepEqual([...valuesOf(samples, "type")], [["a", 1.5], ["c", 0]]);
});

test("slow rates are those of a minute", () => {
  assert.deepEqual([undefined, 0, 0.01, 0.5, 1, 12.345].map(perTime), ["", "0", "0.6/min", "30/min", "1/s", "12.3/s"]);
});
