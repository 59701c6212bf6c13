import assert from "node:assert/strict";
import { test } from "node:test";
import { durationFault, parametersOf, searchOf, sorted, tagsFault, tagsOf } from "./search.ts";
import { trace } from "./testing.ts";

test("tags are pairs, with quotes around values that have spaces", () => {
  assert.deepEqual(tagsOf('http.response.status_code=404 db.query.text="SELECT \\"a\\"" error=true'), {
    "http.response.status_code": "404",
    "db.query.text": 'SELECT "a"',
    error: "true",
  });
  assert.deepEqual(tagsOf(""), {});
  assert.equal(tagsFault('a=1 b="x y" c='), undefined);
  assert.match(tagsFault("a=1 status 404")!, /status 404/);
  assert.match(tagsFault('a="open')!, /open/);
});

test("durations are as Jaeger reads them", () => {
  for (const right of ["", "50ms", "1.5s", "1m30s", "100us"]) assert.equal(durationFault(right), undefined, right);
  for (const wrong of ["50", "fast", "1 s", "-1s", "1d"]) assert.ok(durationFault(wrong), wrong);
});

test("an address is a search", () => {
  const search = searchOf(
    new URLSearchParams("service=orders&operation=SELECT&tags=a%3D1&least=5ms&failed=true&limit=100"),
  );
  assert.deepEqual(search, {
    service: "orders",
    operation: "SELECT",
    tags: "a=1",
    least: "5ms",
    most: "",
    failed: true,
    limit: 100,
  });
  assert.equal(searchOf(new URLSearchParams()).service, "edge-nginx");
  assert.equal(searchOf(new URLSearchParams("limit=99999")).limit, 50);
  assert.deepEqual(
    [
      searchOf(new URLSearchParams("service=*&operation=x")).service,
      searchOf(new URLSearchParams("service=*&operation=x")).operation,
    ],
    ["", ""],
  );
});

test("Jaeger is asked in microseconds, for failed spans by their tag", () => {
  const search = { ...searchOf(new URLSearchParams("failed=true&tags=a%3D1")), limit: 20 };
  assert.deepEqual(parametersOf(search, "orders", { from: 1000, to: 2000 }), {
    service: "orders",
    operation: undefined,
    tags: '{"a":"1","error":"true"}',
    minDuration: undefined,
    maxDuration: undefined,
    start: 1_000_000,
    end: 2_000_000,
    limit: 20,
  });
});

test("traces are sorted in each way", () => {
  const a = trace({ id: "a", start: 5, duration: 10 }),
    b = trace({ id: "b", start: 1, duration: 50, tags: { error: true } });
  assert.deepEqual(sorted([b, a], "newest"), [a, b]);
  assert.deepEqual(sorted([a, b], "longest"), [b, a]);
  assert.deepEqual(sorted([b, a], "shortest"), [a, b]);
  assert.deepEqual(sorted([a, b], "most failed"), [b, a]);
});
