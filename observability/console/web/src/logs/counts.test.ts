import assert from "node:assert/strict";
import { test } from "node:test";
import { countsByLevel, stepsOf, totals } from "./counts.ts";

const series = [
  {
    metric: { severity_text: "info" },
    values: [
      [10, "3"],
      [30, "4"],
    ] as [number, string][],
  },
  { metric: { severity_text: "warn" }, values: [[20, "1"]] as [number, string][] },
  {
    metric: { severity_text: "warning" },
    values: [
      [20, "2"],
      [999, "9"],
    ] as [number, string][],
  },
  { metric: {}, values: [[30, "5"]] as [number, string][] },
];

test("each level has a count at each step, words for the same level are summed", () => {
  const { times, counts } = countsByLevel(series, { from: 1, to: 29_999 }, 10_000);
  assert.deepEqual(times, [10_000, 20_000, 30_000]);
  assert.deepEqual(
    [...counts],
    [
      ["info", [3, null, 9]],
      ["warning", [null, 3, null]],
    ],
  );
});

test("levels are summed up", () => {
  assert.deepEqual(
    [...totals(series)],
    [
      ["info", 12],
      ["warning", 12],
    ],
  );
});

test("the last step is counted, though it is not over", () => {
  assert.deepEqual(stepsOf({ from: 10_000, to: 31_000 }, 10_000), { from: 20_000, to: 40_000 });
  assert.deepEqual(stepsOf({ from: 10_500, to: 30_000 }, 10_000), { from: 20_000, to: 30_000 });
});
