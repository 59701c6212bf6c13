import assert from "node:assert/strict";
import test from "node:test";
import { between, contrast, isColour, namedColour, onColour, readable, scaleColour } from "./colours.ts";

test("names and notations are colours, other texts are not", () => {
  assert.deepEqual(["green", "semi-dark-red", "#0f0", "rgb(255, 0, 0)"].map(namedColour), [
    "#73BF69",
    "#E02F44",
    "#00ff00",
    "#ff0000",
  ]);
  assert.deepEqual(["green", "#12345", "rgba(1,2,3,0.5)", "toString", "url(x)", 3].map(isColour), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("text of every named colour can be read on both themes' surfaces", () => {
  for (const colour of ["green", "super-light-yellow", "dark-blue", "red", "#fff", "#000"]) {
    for (const surface of ["#fff", "#181b20"])
      assert.ok(contrast(readable(namedColour(colour), surface), surface) >= 4.5, `${colour} on ${surface}`);
  }
});

test("text on a colour is the darker or the lighter, whichever is read better", () => {
  assert.deepEqual(["#73BF69", "#37872D", "#000000"].map(onColour), ["#000000", "#000000", "#ffffff"]);
});

test("scales go from their lowest to their highest colour", () => {
  assert.equal(scaleColour("Reds", 0), "#fff5f0");
  assert.equal(scaleColour("Reds", 2), "#67000d");
  assert.equal(between("#000000", "#ffffff", 0.5), "#808080");
});
