import assert from "node:assert/strict";
import test from "node:test";
import type { Scope } from "./interpolation.ts";
import type { Panel } from "./json.ts";
import { sections } from "./layout.ts";

const panel = (title: string, x: number, y: number, more: Partial<Panel> = {}): Panel => ({
  type: "stat",
  title,
  gridPos: { x, y, w: 8, h: 4 },
  ...more,
});
const row = (title: string, y: number, more: Partial<Panel> = {}): Panel => ({
  type: "row",
  title,
  id: 0,
  gridPos: { x: 0, y, w: 24, h: 1 },
  ...more,
});
const several: Scope = { host: { values: ["a", "b", "c"], texts: ["A", "B", "C"], isMulti: true } };

test("panels stand below their row, by position, whatever their ids", () => {
  const found = sections([panel("first", 0, 0), row("R", 4), panel("second", 8, 5), panel("third", 16, 5)], {}, []);
  assert.deepEqual(
    found.map(({ row: own, panels }) => [own?.title, panels.map(({ panel: one, at }) => [one.title, at.x, at.y])]),
    [
      [undefined, [["first", 0, 0]]],
      [
        "R",
        [
          ["second", 8, 0],
          ["third", 16, 0],
        ],
      ],
    ],
  );
  assert.equal(new Set(found.flatMap(({ key, panels }) => [key, ...panels.map((one) => one.key)])).size, 5);
});

test("a row folds as the dashboard says, or the other way round", () => {
  const board = [row("open", 0), row("closed", 1, { collapsed: true, panels: [panel("inside", 0, 2)] })],
    keys = sections(board, {}, []).map(({ key }) => key);
  assert.deepEqual(
    sections(board, {}, []).map(({ isFolded }) => isFolded),
    [false, true],
  );
  assert.deepEqual(
    sections(board, {}, keys).map(({ isFolded, panels }) => [isFolded, panels.length]),
    [
      [true, 0],
      [false, 1],
    ],
  );
});

test("a panel is repeated for each value and moves what is below", () => {
  const [found] = sections([panel("each", 0, 0, { repeat: "host", maxPerRow: 2 }), panel("below", 0, 4)], several, []);
  assert.deepEqual(
    found!.panels.map(({ panel: one, at, scope }) => [one.title, at.x, at.y, at.w, scope.host?.texts[0]]),
    [
      ["each", 0, 0, 12, "A"],
      ["each", 12, 0, 12, "B"],
      ["each", 0, 4, 12, "C"],
      ["below", 0, 8, 8, undefined],
    ],
  );
});

test("a row is repeated with its panels", () => {
  const found = sections([row("of $host", 0, { repeat: "host" }), panel("in", 0, 1)], several, []);
  assert.deepEqual(
    found.map(({ scope, panels }) => [scope.host?.values[0], panels[0]!.scope.host?.values[0]]),
    [
      ["a", "a"],
      ["b", "b"],
      ["c", "c"],
    ],
  );
});
