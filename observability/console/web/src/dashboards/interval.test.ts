import assert from "node:assert/strict";
import test from "node:test";
import { intervalFor, leastInterval, rateInterval } from "./interval.ts";

const minutes = (count: number) => ({ from: 0, to: count * 60_000 });

test("steps are Grafana's", () => {
  assert.equal(intervalFor(minutes(30), 800, 5_000), 5_000);
  assert.equal(intervalFor(minutes(30), 800), 2_000);
  assert.equal(intervalFor(minutes(360), 800, 5_000), 30_000);
  assert.equal(intervalFor(minutes(24 * 60), 1_000, 5_000), 60_000);
});

test("a step never gives more values than Prometheus allows", () => {
  for (const span of [1, 60, 1_440, 44_640]) assert.ok(minutes(span).to / intervalFor(minutes(span), 1e6) <= 11_000);
});

test("a rate sees at least four scrapes", () => {
  assert.equal(rateInterval(5_000, 5_000), 20_000);
  assert.equal(rateInterval(60_000, 5_000), 65_000);
});

test("a query's own least step is read", () => {
  assert.equal(leastInterval(null, "", ">1m", "5s"), 60_000);
  assert.equal(leastInterval(undefined, "$interval"), undefined);
});
