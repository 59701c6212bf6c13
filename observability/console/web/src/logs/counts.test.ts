import assert from "node:assert/strict";
import { test } from "node:test";
import { countsByLevel, totals } from "./counts.ts";

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
  const { times, counts } = countsByLevel(series, { from: 10_000, to: 30_000 }, 10_000);
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
