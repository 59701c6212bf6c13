import assert from "node:assert/strict";
import test from "node:test";
import { blocks, inlines } from "./markdown.ts";

test("headings, paragraphs, lists and code are told apart", () => {
  assert.deepEqual(blocks("# Title\ntext\non\n- one\n- two\n  more\n\n1. first\n\n```sh\na *b*\n```\nend"), [
    { kind: "heading", level: 1, inlines: ["Title"] },
    { kind: "paragraph", inlines: ["text on"] },
    { kind: "list", isOrdered: false, items: [["one"], ["two more"]] },
    { kind: "list", isOrdered: true, items: [["first"]] },
    { kind: "code", text: "a *b*" },
    { kind: "paragraph", inlines: ["end"] },
  ]);
});

test("marks within text are told apart, and HTML is text", () => {
  assert.deepEqual(inlines("a **b** *c* `d*` [e](/f) <img src=x> snake_case_name"), [
    "a ",
    { kind: "strong", text: "b" },
    " ",
    { kind: "em", text: "c" },
    " ",
    { kind: "code", text: "d*" },
    " ",
    { kind: "link", text: "e", href: "/f" },
    " <img src=x> snake_case_name",
  ]);
});
