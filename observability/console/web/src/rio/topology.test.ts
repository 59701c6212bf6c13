import assert from "node:assert/strict";
import { test } from "node:test";
import type { Topology } from "../stores/rio.ts";
import { edgesOf, meaning, nodesOf } from "./topology.ts";

const FLOW: Topology = {
  nodes: [{ id: "emitter:orders", kind: "emitter", name: "orders" }, { id: "type:order.placed", kind: "type", name: "order.placed" }],
  edges: [{ from: "emitter:orders", to: "type:order.placed", declared: true, seen: 4 }],
};

test("nodes lead to where the page says, the chosen type is marked", () => {
  const [emitter, type] = nodesOf(FLOW, "order.placed", (kind, name) => kind === "type" ? `?type=${name}` : undefined);
  assert.deepEqual([emitter!.href, emitter!.isCurrent], [undefined, false]);
  assert.deepEqual([type!.href, type!.isCurrent], ["?type=order.placed", true]);
});

test("edges say what is declared and what was seen", () => {
  const edge = FLOW.edges[0]!;
  assert.equal(meaning(edge), "declared, 4 events in the last hour");
  assert.equal(meaning({ ...edge, seen: 0 }), "declared, no event in the last hour");
  assert.equal(meaning({ ...edge, declared: false, seen: 1 }), "1 event in the last hour, not declared");
  assert.equal(meaning({ ...edge, from: "sink:/orders" }), "the same service");
});

test("what was not declared stands out, what never flows stands back", () => {
  const edge = FLOW.edges[0]!;
  const looks = edgesOf({ nodes: [], edges: [edge, { ...edge, seen: 0 }, { ...edge, declared: false, seen: 2 }] });
  assert.deepEqual(looks.map(({ look, lines, weight }) => [look, lines, weight]), [["", ["4"], 1], ["idle", [], 0], ["warning", ["2", "undeclared"], 0.5]]);
});
