import assert from "node:assert/strict";
import { test } from "node:test";
import { age, duration, moment, rangeOf, stepFor, written } from "./time.ts";

const NOW = 1_800_000_000_000;

test("durations are read in the units of query languages", () => {
  assert.equal(duration("90s"), 90_000);
  assert.equal(duration("1.5h"), 5_400_000);
  assert.equal(duration("250ms"), 250);
  for (const wrong of ["", "5", "m5", "5 years", "-1s"]) assert.equal(duration(wrong), undefined);
});

test("moments are relative, numbers or written times", () => {
  assert.equal(moment("now-30m", NOW), NOW - 1_800_000);
  assert.equal(moment("1700000000000", NOW), 1_700_000_000_000);
  assert.equal(moment("2026-01-31T00:00:00Z", NOW), Date.UTC(2026, 0, 31));
  assert.equal(moment("yesterday-ish", NOW), undefined);
});

test("moments beyond the year 9999 are none", () => {
  for (const far of ["9".repeat(20), "9".repeat(400), "now-300000y", `now+${"9".repeat(400)}s`]) assert.equal(moment(far, NOW), undefined);
  assert.equal(moment("253402300799999", NOW), 253_402_300_799_999);
});

test("a range that makes no sense is the last half hour", () => {
  for (const [from, to] of [["now", "now-1h"], ["x", "now"], ["now", "now"]] as const) {
    assert.deepEqual(rangeOf(from, to, NOW), { from: NOW - 1_800_000, to: NOW });
  }
});

test("steps are round, enough for the range, and not below the least", () => {
  const day = { from: 0, to: 86_400_000 };
  assert.equal(stepFor(day, 1000), 120_000);
  assert.equal(stepFor({ from: 0, to: 60_000 }, 1000), 5_000);
  assert.ok((day.to - day.from) / stepFor(day, 300) <= 300);
});

test("durations are written in the largest unit that divides them", () => {
  assert.deepEqual([86_400_000, 5_400_000, 60_000, 1_500].map(written), ["1d", "90m", "1m", "1500ms"]);
});

test("ages are rounded", () => {
  assert.deepEqual([400, 59_000, 61_000, 7_300_000, 200_000_000].map(age), ["0 s", "59 s", "1 min", "2 h", "2 d"]);
});
