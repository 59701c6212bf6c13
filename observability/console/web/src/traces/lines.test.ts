import assert from "node:assert/strict";
import { test } from "node:test";
import { place } from "./lines.ts";
import { line, trace } from "./testing.ts";

test("lines stand at the span that wrote them; the rest is kept", () => {
  const found = trace({ id: "a", start: 0, duration: 9 }, { id: "b", parent: "a", start: 1, duration: 1 });
  const lines = [line("a", "first", 1), line("gone", "loose", 2), line("a", "second", 3)];
  const placed = place(found, lines);
  assert.deepEqual(
    placed.ofSpan.get("a")!.map(({ text }) => text),
    ["first", "second"],
  );
  assert.equal(placed.ofSpan.get("b"), undefined);
  assert.deepEqual(
    placed.loose.map(({ text }) => text),
    ["loose"],
  );
});
