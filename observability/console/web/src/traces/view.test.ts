import assert from "node:assert/strict";
import { test } from "node:test";
import { bounded, shifted, stateOf, WHOLE, zoomed } from "./view.ts";

const stateAt = (query: string) => stateOf({ path: "/trace/x", query: new URLSearchParams(query) });

test("the address says what is open, folded and in sight", () => {
  const state = stateAt(
    "span=a&span=b&closed=c&fold=orders&find=sql&critical=request&lines=off&view=0.25-0.5&tab=statistics",
  );
  assert.deepEqual([...state.open], ["a", "b"]);
  assert.deepEqual([...state.folding.spans, ...state.folding.services], ["c", "orders"]);
  assert.deepEqual(state.view, { from: 0.25, to: 0.5 });
  assert.deepEqual([state.find, state.path, state.showsLines, state.tab], ["sql", "request", false, "statistics"]);
});

test("what an address says wrongly is as if it said nothing", () => {
  const state = stateAt("critical=x&view=0.9-0.1&tab=y");
  assert.deepEqual([state.path, state.view, state.tab], [undefined, WHOLE, "waterfall"]);
  assert.deepEqual(stateAt("view=a-b").view, WHOLE);
  assert.deepEqual(stateAt("view=-5").view, WHOLE);
});

test("views stay within the trace", () => {
  assert.deepEqual(zoomed(WHOLE, 2), WHOLE);
  assert.deepEqual(zoomed(WHOLE, 0.5), { from: 0.25, to: 0.75 });
  assert.deepEqual(shifted({ from: 0.5, to: 0.75 }, 5), { from: 0.75, to: 1 });
  assert.deepEqual(shifted({ from: 0.25, to: 0.75 }, -0.25), { from: 0.125, to: 0.625 });
  assert.deepEqual(bounded({ from: 0.5, to: 0.5 }), WHOLE);
});
