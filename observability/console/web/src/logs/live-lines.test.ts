import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../stores/loki.ts";
import { extended, joined, KEPT, NOTHING } from "./live-lines.ts";

const line = (at: number): Line => ({ at, nanoseconds: `${at}000000`, text: `line ${at}`, labels: {} });

test("the newest lines come first, and what was dropped is summed", () => {
  const live = extended(extended(NOTHING, [line(1), { dropped: 2 }, line(2)]), [{ dropped: 3 }, line(3)]);
  assert.deepEqual(
    live.lines.map(({ at }) => at),
    [3, 2, 1],
  );
  assert.equal(live.dropped, 5);
});

test("only so many are kept", () => {
  const live = extended(
    NOTHING,
    Array.from({ length: KEPT + 10 }, (_, at) => line(at)),
  );
  assert.equal(live.lines.length, KEPT);
  assert.equal(live.lines[0]!.at, KEPT + 9);
});

test("a line that both the tail and the query have is there once", () => {
  assert.deepEqual(
    joined([line(3), line(2)], [line(2), line(1)]).map(({ at }) => at),
    [3, 2, 1],
  );
});
