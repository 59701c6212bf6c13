import assert from "node:assert/strict";
import { test } from "node:test";
import type { Schema, Topology } from "../stores/rio.ts";
import { typesOf } from "./event-types.ts";

const FLOW: Topology = {
  nodes: [{ id: "type:b", kind: "type", name: "b" }, { id: "emitter:x", kind: "emitter", name: "x" }],
  edges: [
    { from: "emitter:x", to: "type:b", declared: true, seen: 2 }, { from: "emitter:http://y:1", to: "type:b", declared: false, seen: 3 },
    { from: "type:b", to: "subscription:z", declared: true, seen: 5 },
  ],
};
const SCHEMA: Schema = { type: "a", schema: {}, origin: "api" };

test("types are those of the flow and those with a schema", () => {
  const [a, b] = typesOf(FLOW, [SCHEMA]);
  assert.deepEqual(a, { name: "a", emitters: [], subscriptions: [], seen: 0, schema: SCHEMA });
  assert.deepEqual(b, { name: "b", emitters: ["http://y:1", "x"], subscriptions: ["z"], seen: 5, schema: undefined });
});
