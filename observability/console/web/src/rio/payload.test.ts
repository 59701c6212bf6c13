import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "./payload.ts";

const EVENT = { id: "1", type: "a.b", source: "/a" };
const base64 = (text: string): string => Buffer.from(text, "utf-8").toString("base64");

test("the bytes are shown, with every digit", () => {
  assert.equal(textOf({ ...EVENT, data: { n: 1 }, data_base64: base64('{"n":1.00000000000000000001}') }), '{"n":1.00000000000000000001}');
  assert.equal(textOf({ ...EVENT, data_base64: base64("Grüße") }), "Grüße");
});

test("other data", () => {
  assert.equal(textOf(EVENT), undefined);
  assert.equal(textOf({ ...EVENT, data: "text" }), "text");
  assert.equal(textOf({ ...EVENT, data: { a: [1] } }), '{"a":[1]}');
  assert.match(textOf({ ...EVENT, data_base64: "/w==" })!, /^1 bytes that are no text/);
});
