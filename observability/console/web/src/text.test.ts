import assert from "node:assert/strict";
import { test } from "node:test";
import { bounded, brief, visible } from "./text.ts";

test("escape sequences become visible", () => {
  assert.equal(visible("\u001b[31mred\u001b[0m\u0007"), "␛[31mred␛[0m␇");
  assert.equal(visible("\u009b31m\u007f"), "⟨009B⟩31m␡");
});

test("overrides of the writing direction become visible", () => {
  assert.equal(visible("user\u202egpj.exe\u2066x\u2069"), "user⟨202E⟩gpj.exe⟨2066⟩x⟨2069⟩");
});

test("markup, tabs, line feeds and other scripts stay as they are", () => {
  const text = "<script>alert(1)</script>\tשלום\n👩‍💻 日本";
  assert.equal(visible(text), text);
  assert.equal(visible("a\r\nb\rc"), "a\nb␍c");
});

test("long text is cut, with what was left out said", () => {
  const { shown, left } = bounded("x".repeat(1_000_000), 2_000);
  assert.equal(shown.length, 2_000);
  assert.equal(left, 998_000);
  assert.deepEqual(bounded("short", 2_000), { shown: "short", left: 0 });
});

test("a cut does not split a character", () => {
  assert.deepEqual(bounded("ab👩", 3), { shown: "ab", left: 2 });
});

test("a brief text has one line", () => {
  assert.equal(brief("a\n\n  b", 10), "a b");
  assert.equal(brief("x".repeat(300)).length, 201);
});
