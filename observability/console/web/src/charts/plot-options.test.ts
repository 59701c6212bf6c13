import assert from "node:assert/strict";
import test from "node:test";
import { formatOf } from "../units.ts";
import { type Axis, axisRange, faded } from "./plot-options.ts";

const axis = (more: Partial<Axis> = {}): Axis => ({ key: "y", format: formatOf("short"), ...more });

test("an axis leaves room above, and begins at zero where that is near", () => {
  const [low, high] = axisRange(axis(), 0.2, 10);
  assert.equal(low, 0);
  assert.ok(high > 10 && high < 13);
});

test("fixed ends stay, soft ends give way", () => {
  assert.deepEqual(axisRange(axis({ min: 0, max: 1 }), 0.4, 5), [0, 1]);
  assert.equal(axisRange(axis({ softMax: 100 }), 0, 10)[1], 100);
  assert.ok(axisRange(axis({ softMax: 100 }), 0, 250)[1] > 250);
});

test("nothing and nothing but zeros have an axis, too", () => {
  assert.deepEqual(axisRange(axis({ min: 0 }), null, null), [0, 1]);
  assert.deepEqual(axisRange(axis({ min: 0 }), 0, 0), [0, 1]);
});

test("a logarithmic axis ends at whole powers", () => {
  assert.deepEqual(axisRange(axis({ log: 10 }), 3, 420), [1, 1000]);
});

test("colours fade, whatever way they are written", () => {
  assert.equal(faded("#ff0000", 0.5), "#ff000080");
  assert.equal(faded("hsl(0 100% 50%)", 0.5), "color-mix(in srgb, hsl(0 100% 50%) 50%, transparent)");
});
