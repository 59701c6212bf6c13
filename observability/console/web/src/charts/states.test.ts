import assert from "node:assert/strict";
import test from "node:test";
import { stretches } from "./states.ts";

test("equal neighbours become one stretch, gaps stay", () => {
  assert.deepEqual(stretches([0, 10, 20, 30], [1, 1, null, 2], 40, true), [
    { from: 0, to: 20, value: 1 },
    { from: 30, to: 40, value: 2 },
  ]);
  assert.equal(stretches([0, 10, 20], [1, 1, 1], 30, false).length, 3);
});
