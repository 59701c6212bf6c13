import assert from "node:assert/strict";
import { test } from "node:test";
import { kept, type Numbered, parsed, readLines, type TailLine } from "./tail-lines.ts";

const EVENT = { event: { id: "1", type: "a", source: "/ü" }, accepted_at: "2026-01-01T00:00:00Z" };

test("lines are read however they are cut", async () => {
  const bytes = new TextEncoder().encode(`{"heartbeat":"x"}\n${JSON.stringify(EVENT)}\n\n{"dropped":2}\n`);
  for (const size of [1, 3, bytes.length]) {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const lines: TailLine[] = [];
    await readLines(stream, (line) => lines.push(line));
    assert.deepEqual(lines, [EVENT, { dropped: 2 }]);
  }
});

test("heartbeats say nothing", () => assert.equal(parsed('{"heartbeat":"2026-01-01T00:00:00Z"}'), undefined));

test("the newest lines are kept", () => {
  const named = (id: string): TailLine => ({ ...EVENT, event: { ...EVENT.event, id } });
  const lines = ["1", "2", "3", "4"].reduce<Numbered[]>((before, id) => kept(before, named(id), 3), []);
  assert.deepEqual(lines.map(({ number, line }) => [number, "event" in line && line.event.id]), [[4, "4"], [3, "3"], [2, "2"]]);
});

test("what came too fast is counted together", () => {
  assert.deepEqual(kept(kept([], { dropped: 2 }, 5), { dropped: 3 }, 5), [{ number: 1, line: { dropped: 5 } }]);
});
