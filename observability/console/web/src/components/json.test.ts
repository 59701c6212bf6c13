import assert from "node:assert/strict";
import { test } from "node:test";
import { indented } from "./json.ts";

test("JSON is indented as JSON.stringify does", () => {
  const values = [{ a: [1, { b: null }], "c:,{": "x\"y\\", d: {}, e: [] }, [], {}, 3, "text", [[], [[]]], true];
  for (const value of values) assert.equal(indented(JSON.stringify(value)), JSON.stringify(value, null, 2));
});

test("digits and escapes stay", () => {
  assert.equal(indented('{"n":12345678901234567890.10,"t":"\\u00e9"}'), '{\n  "n": 12345678901234567890.10,\n  "t": "\\u00e9"\n}');
});

test("what indentation would make very long stays", () => {
  const deep = "[".repeat(900) + "1,".repeat(90_000) + "1" + "]".repeat(900);
  assert.equal(indented(deep), deep);
  const deepest = "[".repeat(90_000) + "]".repeat(90_000);
  assert.equal(indented(deepest), deepest);
});

test("what is no JSON stays", () => {
  for (const text of ["", "a, b: {c}", "{", '{"a" 1}']) assert.equal(indented(text), text);
});
