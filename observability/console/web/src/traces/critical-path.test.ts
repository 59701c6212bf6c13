import assert from "node:assert/strict";
import { test } from "node:test";
import { criticalPath, type Target } from "./critical-path.ts";
import { chain, trace } from "./testing.ts";

const MS = 1_000;
const told = (found: ReturnType<typeof trace>, target?: Target) =>
  criticalPath(found, target).map(({ span, from, to }) => `${found.spans[span]!.id} ${from / MS}-${to / MS}`);

test("calls one after the other are all on it, with the parent's time between them", () => {
  const found = trace(
    { id: "root", start: 0, duration: 100 * MS },
    { id: "a", parent: "root", start: 10 * MS, duration: 20 * MS },
    { id: "b", parent: "root", start: 50 * MS, duration: 30 * MS },
  );
  assert.deepEqual(told(found), ["root 0-10", "a 10-30", "root 30-50", "b 50-80", "root 80-100"]);
});

test("of calls beside each other the one that ended last is on it", () => {
  const found = trace(
    { id: "root", start: 0, duration: 100 * MS },
    { id: "short", parent: "root", start: 10 * MS, duration: 20 * MS },
    { id: "long", parent: "root", start: 10 * MS, duration: 80 * MS },
  );
  assert.deepEqual(told(found), ["root 0-10", "long 10-90", "root 90-100"]);
});

test("the end of the trace may be that of work which nobody waited for", () => {
  const found = trace(
    { id: "request", start: 0, duration: 30 * MS },
    { id: "query", parent: "request", start: 5 * MS, duration: 5 * MS },
    { id: "delivery", parent: "request", start: 20 * MS, duration: 100 * MS },
  );
  assert.deepEqual(told(found), ["request 0-5", "query 5-10", "request 10-20", "delivery 20-120"]);
  assert.deepEqual(told(found, "request"), ["request 0-5", "query 5-10", "request 10-30"]);
});

test("a gap in which no span ran is on nobody's account", () => {
  const found = trace(
    { id: "send", start: 0, duration: 10 * MS },
    { id: "process", parent: "send", start: 40 * MS, duration: 10 * MS },
  );
  assert.deepEqual(told(found), ["send 0-10", "process 40-50"]);
});

test("clocks may disagree by a millisecond or two", () => {
  const found = trace(
    { id: "call", start: 10.4 * MS, duration: 20 * MS },
    { id: "nginx", parent: "call", start: 10 * MS, duration: 21 * MS },
  );
  assert.deepEqual(told(found, "request"), ["nginx 10.4-30.4"]);
});

test("its parts do not overlap, and no deep trace is too deep", () => {
  const segments = criticalPath(trace(...chain(30_000)));
  assert.ok(segments.length > 0);
  segments.slice(1).forEach(({ from }, at) => assert.ok(from >= segments[at]!.to));
});

test("its parts do not overlap, whatever the clocks", () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 200; round++) {
    const spans = Array.from({ length: 30 }, (_, at) => ({
      id: `s${at}`,
      ...(at > 0 ? { parent: `s${random(at)}` } : {}),
      start: random(20 * MS),
      duration: random(20 * MS),
    }));
    const found = trace(...spans);
    for (const target of ["trace", "request"] as const) {
      const segments = criticalPath(found, target);
      segments.forEach(({ from, to }) => assert.ok(from < to));
      segments.slice(1).forEach(({ from }, at) => assert.ok(from >= segments[at]!.to, `round ${round}`));
    }
  }
});

test("an empty trace has none", () => {
  assert.deepEqual(criticalPath(trace()), []);
});
