import assert from "node:assert/strict";
import { test } from "node:test";
import { anchorOf, blocks, inlines, whatToDo } from "./markdown.ts";

test("paragraphs are joined, code keeps its lines", () => {
  const text = "One line\ngoes on.\n\nThen:\n\n```\n./nextphase outbox\n./nextphase up\n```\n\nDone.";
  assert.deepEqual(blocks(text).map((block) => block.kind === "code" ? block.text : block.inlines.map((part) => part.text).join("")),
    ["One line goes on.", "Then:", "./nextphase outbox\n./nextphase up", "Done."]);
});

test("code and links are found in a line", () => {
  assert.deepEqual(inlines("run `status`, then [mend](#that)."), [
    { kind: "text", text: "run " }, { kind: "code", text: "status" }, { kind: "text", text: ", then " },
    { kind: "link", text: "mend", target: "#that" }, { kind: "text", text: "." },
  ]);
});

test("markup of a page stays text", () => {
  assert.deepEqual(inlines("<b>x</b>"), [{ kind: "text", text: "<b>x</b>" }]);
});

test("what to do is what stands behind these words", () => {
  assert.equal(whatToDo("A hop is down. It mutes\nothers. What to do: `status`,\nthen its `logs`.\n\nMore."), "`status`, then its `logs`.");
  assert.equal(whatToDo("Look at\nit."), "Look at it.");
});

test("an annotation names a section", () => {
  assert.equal(anchorOf("docs/operate.md#hopdown"), "hopdown");
  assert.equal(anchorOf("docs/operate.md"), undefined);
  assert.equal(anchorOf(undefined), undefined);
});
