import assert from "node:assert/strict";
import { test } from "node:test";
import { histories, historyQuery } from "./intervals.ts";

const STEP = 60_000, RANGE = { from: 0, to: 600_000 };
const series = (alertstate: string, minutes: number[], labels = { alertname: "HopDown", service: "orders" }) =>
  ({ metric: { __name__: "ALERTS", alertstate, ...labels }, values: minutes.map((minute): [number, string] => [minute * 60, "1"]) });
const spans = (found: ReturnType<typeof histories>) =>
  found.flatMap(({ intervals }) => intervals.map(({ state, from, to, isOpen }) => [state, from / 6e4, to / 6e4, isOpen]));

test("values in a row are one interval that begins a step before the first", () => {
  assert.deepEqual(spans(histories([series("firing", [2, 3, 4])], RANGE, STEP)), [["firing", 1, 4, false]]);
});

test("a missing value ends an interval", () => {
  assert.deepEqual(spans(histories([series("firing", [2, 5])], RANGE, STEP)), [["firing", 1, 2, false], ["firing", 4, 5, false]]);
});

test("what goes on at the end of the range is open", () => {
  assert.deepEqual(spans(histories([series("firing", [9, 10])], RANGE, STEP)), [["firing", 8, 10, true]]);
  assert.deepEqual(spans(histories([series("firing", [9, 10])], { from: 0, to: 630_000 }, STEP)), [["firing", 8, 10.5, true]]);
});

test("an interval does not begin before the range", () => {
  assert.deepEqual(spans(histories([series("firing", [1])], { from: 30_000, to: 600_000 }, STEP)), [["firing", 0.5, 1, false]]);
});

test("pending becomes firing within a step: the step counts as firing", () => {
  const found = histories([series("pending", [1, 2, 3]), series("firing", [3, 4])], RANGE, STEP);
  assert.deepEqual(spans(found), [["pending", 0, 2, false], ["firing", 2, 4, false]]);
  assert.equal(found[0]!.firingMilliseconds, 120_000);
});

test("alerts of other labels have a history of their own", () => {
  const found = histories([series("firing", [2]), series("firing", [4], { alertname: "HopDown", service: "accounts" })], RANGE, STEP);
  assert.deepEqual(found.map(({ labels }) => labels.service), ["orders", "accounts"]);
});

test("no alerts have no history", () => {
  assert.deepEqual(histories([], RANGE, STEP), []);
});

test("a query of one alert names it", () => {
  assert.equal(historyQuery(15_000, "HopDown"), 'max_over_time(ALERTS{alertname="HopDown"}[15s])');
  assert.equal(historyQuery(60_000), "max_over_time(ALERTS[60s])");
});
