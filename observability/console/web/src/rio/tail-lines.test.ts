import assert from "node:assert/strict";
import { test } from "node:test";
import { kept, type Numbered, tailLine, type TailLine } from "./tail-lines.ts";

const EVENT = { event: { id: "1", type: "a", source: "/ü" }, accepted_at: "2026-01-01T00:00:00Z" };

test("a line is an event or a count; heartbeats say nothing", () => {
  for (const line of [EVENT, { dropped: 2 }]) assert.deepEqual(tailLine(line), line);
  assert.equal(tailLine({ heartbeat: "2026-01-01T00:00:00Z" }), undefined);
});

test("the newest lines are kept", () => {
  const named = (id: string): TailLine => ({ ...EVENT, event: { ...EVENT.event, id } });
  const lines = ["1", "2", "3", "4"].reduce<Numbered[]>((before, id) => kept(before, named(id), 3), []);
  assert.deepEqual(lines.map(({ number, line }) => [number, "event" in line && line.event.id]), [[4, "4"], [3, "3"], [2, "2"]]);
});

test("what came too fast is counted together", () => {
  assert.deepEqual(kept(kept([], { dropped: 2 }, 5), { dropped: 3 }, 5), [{ number: 1, line: { dropped: 5 } }]);
});
