import assert from "node:assert/strict";
import { test } from "node:test";
import { durationText, rateText, shareText } from "./figures.ts";

test("rates", () => {
  assert.deepEqual([0, 0.0033, 0.4166, 12.34, 12345].map(rateText), ["0/s", "<0.01/s", "0.42/s", "12.3/s", "12.3K/s"]);
});

test("a share above 0 is not written as 0", () => {
  assert.deepEqual([0, 0.0001, 0.0213, 1].map(shareText), ["0%", "<0.05%", "2.1%", "100%"]);
});

test("durations", () => {
  assert.deepEqual([0.0351, 1.25, undefined, NaN].map(durationText), ["35 ms", "1.3 s", "–", "–"]);
});
