import assert from "node:assert/strict";
import { test } from "node:test";
import { closingEdges, ranks } from "./ranks.ts";

const arcs = (...pairs: string[]) => pairs.map((pair) => ({ id: pair, from: pair[0]!, to: pair[1]! }));

test("each node is behind all that lead to it", () => {
  assert.deepEqual([...ranks(["a", "b", "c"], arcs("ab", "bc", "ac"))], [["a", 0], ["b", 1], ["c", 2]]);
});

test("a node to which nothing leads stands next to what it leads to", () => {
  assert.deepEqual([...ranks(["a", "b", "c", "x"], arcs("ab", "bc", "xc"))], [["a", 0], ["b", 1], ["c", 2], ["x", 1]]);
});

test("the edge that closes a cycle is found, a self-loop is none", () => {
  assert.deepEqual([...closingEdges(["a", "b", "c"], arcs("ab", "bc", "cb", "cc"))], ["cb"]);
});

test("what only a cycle leads to has a layer, too", () => {
  assert.deepEqual([...closingEdges(["a", "b"], arcs("ab", "ba"))], ["ba"]);
});
