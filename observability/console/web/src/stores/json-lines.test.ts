import assert from "node:assert/strict";
import { test } from "node:test";
import { readJsonLines } from "./json-lines.ts";

test("lines are read whole, wherever the pieces are cut", async () => {
  const bytes = new TextEncoder().encode('{"text":"größer"}\n\n{"dropped":2}\n{"unfinished"');
  for (const size of [1, 3, 7, 100]) {
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.slice(at * size, (at + 1) * size),
    );
    const stream = new ReadableStream<Uint8Array>({
      start: (control) => {
        pieces.forEach((piece) => control.enqueue(piece));
        control.close();
      },
    });
    const lines: unknown[] = [];
    await readJsonLines(stream, (line) => lines.push(line));
    assert.deepEqual(lines, [{ text: "größer" }, { dropped: 2 }]);
  }
});
