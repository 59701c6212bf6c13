import assert from "node:assert/strict";
import { test } from "node:test";
import { eventIds, linkedTraces, linksBetween } from "./linked.ts";
import { jaegerTrace, trace } from "./testing.ts";

const BATCH = "b".repeat(32);
const found = trace(
  { id: "send", start: 0, duration: 1, tags: { "cloudevents.event_id": "e1" } },
  {
    id: "publish",
    parent: "send",
    start: 2,
    duration: 1,
    tags: { "cloudevents.event_id": "e1" },
    links: [{ trace: BATCH, span: "post" }],
  },
  { id: "other", start: 3, duration: 1, tags: { "cloudevents.event_id": "e2" }, links: [{ trace: "../x", span: "y" }] },
);
const batch = jaegerTrace(
  [
    {
      id: "ship",
      service: "relay",
      name: "ship orders",
      start: 0,
      duration: 9,
      links: [
        { trace: found.id, span: "send" },
        { trace: "f".repeat(32), span: "send" },
      ],
    },
    { id: "post", parent: "ship", service: "rio", name: "POST /events", start: 1, duration: 5 },
  ],
  BATCH,
);

test("events and linked traces are named once", () => {
  assert.deepEqual(eventIds(found), ["e1", "e2"]);
  assert.deepEqual(linkedTraces(found), [BATCH]);
});

test("links are found in both directions, with the names of the spans", () => {
  const { to, from } = linksBetween(found, [batch, batch]);
  assert.deepEqual([...to], [["post", { trace: BATCH, span: "post", service: "rio", name: "POST /events" }]]);
  assert.deepEqual([...from], [["send", [{ trace: BATCH, span: "ship", service: "relay", name: "ship orders" }]]]);
});

test("a trace does not link to itself", () => {
  const own = jaegerTrace([{ id: "x", start: 9, duration: 1, links: [{ trace: found.id, span: "send" }] }], found.id);
  assert.equal(linksBetween(found, [own]).from.size, 0);
});
