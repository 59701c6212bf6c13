import assert from "node:assert/strict";
import { test } from "node:test";
import { chain, jaegerTrace, trace } from "./testing.ts";
import { arrange } from "./trace.ts";

const shape = (found: ReturnType<typeof trace>) => found.spans.map(({ id, depth }) => `${" ".repeat(depth)}${id}`);

test("spans stand below their parents, by their start", () => {
  const found = trace(
    { id: "late", parent: "root", start: 30, duration: 5 },
    { id: "inner", parent: "early", start: 12, duration: 2 },
    { id: "root", start: 0, duration: 50 },
    { id: "early", parent: "root", start: 10, duration: 5 },
  );
  assert.deepEqual(shape(found), ["root", " early", "  inner", " late"]);
  assert.deepEqual(
    found.spans.map(({ descendants }) => descendants),
    [3, 1, 0, 0],
  );
  assert.deepEqual(found.spans[0]!.children, [1, 3]);
  assert.equal(found.start, 0);
  assert.equal(found.duration, 50);
});

test("a span whose parent is missing stands as a root and is counted", () => {
  const found = trace(
    { id: "root", start: 0, duration: 9 },
    { id: "orphan", parent: "gone", start: 2, duration: 2 },
    { id: "child", parent: "orphan", start: 3, duration: 1 },
  );
  assert.deepEqual(shape(found), ["root", "orphan", " child"]);
  assert.equal(found.orphans, 1);
  assert.equal(found.spans[1]!.parent, undefined);
  assert.equal(found.spans[1]!.parentId, "gone");
});

test("spans that are each other's parents are shown, once", () => {
  const found = trace(
    { id: "a", parent: "b", start: 0, duration: 5 },
    { id: "b", parent: "a", start: 1, duration: 3 },
    { id: "self", parent: "self", start: 2, duration: 1 },
  );
  assert.deepEqual(shape(found), ["a", " b", "self"]);
});

test("a span that Jaeger has twice is shown once", () => {
  const one = { id: "a", start: 0, duration: 5 };
  assert.equal(trace(one, one).spans.length, 1);
});

test("a trace may be deeper than the stack", () => {
  const found = trace(...chain(50_000));
  assert.equal(found.spans.length, 50_000);
  assert.equal(found.spans.at(-1)!.depth, 49_999);
  assert.equal(found.spans[0]!.descendants, 49_999);
});

test("a trace may be wide", () => {
  const children = Array.from({ length: 50_000 }, (_, at) => ({
    id: `c${at}`,
    parent: "root",
    start: at,
    duration: 1,
  }));
  assert.equal(trace({ id: "root", start: 0, duration: 1 }, ...children).spans[0]!.children.length, 50_000);
});

test("a child that began before its parent, and a negative duration, are shown", () => {
  const found = trace(
    { id: "root", start: 100, duration: 10 },
    { id: "child", parent: "root", start: 40, duration: 20 },
    { id: "wrong", parent: "root", start: 105, duration: -7 },
  );
  assert.deepEqual(shape(found), ["root", " child", " wrong"]);
  assert.equal(found.start, 40);
  assert.equal(found.duration, 70);
  assert.equal(found.spans[2]!.duration, 0);
});

test("references to other traces are links, not parents", () => {
  const link = { trace: "f".repeat(32), span: "e".repeat(16) };
  const found = trace(
    { id: "root", start: 0, duration: 9 },
    { id: "replay", parent: "root", start: 1, duration: 1, links: [link] },
  );
  assert.deepEqual(found.spans[1]!.links, [link]);
  assert.equal(found.spans[1]!.parent, 0);
  assert.equal(found.orphans, 0);
});

test("failures are told by the error tag or the status", () => {
  const found = trace(
    { id: "a", start: 0, duration: 1, tags: { error: true } },
    { id: "b", start: 1, duration: 1, tags: { "otel.status_code": "ERROR" } },
    { id: "c", start: 2, duration: 1, tags: { error: false, "http.response.status_code": 404 } },
  );
  assert.deepEqual(
    found.spans.map(({ isFailed }) => isFailed),
    [true, true, false],
  );
  assert.equal(found.failed, 2);
});

test("services are counted in the order in which they began", () => {
  const found = trace(
    { id: "a", service: "edge", start: 0, duration: 9 },
    { id: "b", parent: "a", service: "orders", start: 1, duration: 1 },
    { id: "c", parent: "a", service: "orders", start: 3, duration: 1 },
  );
  assert.deepEqual(
    [...found.services],
    [
      ["edge", 1],
      ["orders", 2],
    ],
  );
});

test("events have a name and fields", () => {
  const found = trace({
    id: "a",
    start: 0,
    duration: 9,
    events: [{ at: 4, fields: { event: "exception", "exception.type": "ValueError" } }],
  });
  const [event] = found.spans[0]!.events;
  assert.equal(event!.name, "exception");
  assert.deepEqual(
    event!.fields.map(({ key }) => key),
    ["exception.type"],
  );
});

test("what Jaeger leaves out or has no process for does not break it", () => {
  const raw = jaegerTrace([{ id: "a", start: 0, duration: 1 }]);
  raw.processes = {};
  Object.assign(raw.spans[0]!, { logs: null, references: null });
  assert.equal(arrange(raw).spans[0]!.service, "?");
  assert.deepEqual(arrange({ traceID: "x", spans: [], processes: {} }).spans, []);
});
