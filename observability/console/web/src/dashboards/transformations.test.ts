import assert from "node:assert/strict";
import test from "node:test";
import type { Cell, Field, Frame } from "./frames.ts";
import { transformed, TRANSFORMATIONS } from "./transformations.ts";

const field = (name: string, values: Cell[], kind: Field["kind"] = "number", labels = {}): Field => ({
  name,
  kind,
  labels,
  values,
});
const table = (refId: string, ...fields: Field[]): Frame => ({ refId, fields });
const columns = (frames: Frame[]): [string, Cell[]][][] =>
  frames.map(({ fields }) => fields.map(({ name, title, values }) => [title ?? name, values]));
const apply = (frames: Frame[], id: string, options = {}): [string, Cell[]][][] =>
  columns(transformed(frames, [{ id, options }]));

const rate = table("A", field("Time", [9, 9], "time"), field("hop", ["a", "b"], "string"), field("Value #A", [1, 2]));
const p95 = table("B", field("Time", [9], "time"), field("hop", ["b"], "string"), field("Value #B", [7]));

test("rows that agree in what frames share become one", () => {
  assert.deepEqual(apply([rate, p95], "merge"), [
    [
      ["Time", [9, 9]],
      ["hop", ["a", "b"]],
      ["Value #A", [1, 2]],
      ["Value #B", [null, 7]],
    ],
  ]);
});

test("columns are left out, ordered and renamed", () => {
  const options = {
    excludeByName: { Time: true },
    indexByName: { "Value #A": 0 },
    renameByName: { "Value #A": "rate" },
  };
  assert.deepEqual(apply([rate], "organize", options), [
    [
      ["rate", [1, 2]],
      ["hop", ["a", "b"]],
    ],
  ]);
});

test("columns are kept by name", () => {
  assert.deepEqual(apply([rate], "filterFieldsByName", { include: { names: ["hop"] } }), [[["hop", ["a", "b"]]]]);
  assert.deepEqual(apply([rate], "filterFieldsByName", { include: { pattern: "/^V/" } }), [[["Value #A", [1, 2]]]]);
});

test("frames are joined by a field", () => {
  assert.deepEqual(apply([rate, p95], "joinByField", { byField: "hop", mode: "inner" }), [
    [
      ["hop", ["b"]],
      ["Time", [9]],
      ["Value #A", [2]],
      ["Time", [9]],
      ["Value #B", [7]],
    ],
  ]);
});

test("series are brought down to a row each, or to one value each", () => {
  const series = [table("A", field("Time", [1, 2], "time"), { ...field("Value", [1, 5]), title: "x" })];
  assert.deepEqual(apply(series, "reduce", { reducers: ["max", "lastNotNull"] }), [
    [
      ["Field", ["x"]],
      ["Max", [5]],
      ["Last *", [5]],
    ],
  ]);
  assert.deepEqual(apply(series, "reduce", { mode: "reduceFields", reducers: ["min"] }), [[["x", [1]]]]);
});

test("labels become columns", () => {
  assert.deepEqual(apply([table("A", field("Value", [1], "number", { hop: "a" }))], "labelsToFields"), [
    [
      ["hop", ["a"]],
      ["Value", [1]],
    ],
  ]);
});

test("rows are sorted and cut, nothing last", () => {
  const frames = [table("A", field("v", [2, null, 3, 1]))];
  assert.deepEqual(apply(frames, "sortBy", { sort: [{ field: "v", desc: true }] })[0]![0]![1].slice(0, 3), [3, 2, 1]);
  assert.deepEqual(apply(frames, "limit", { limitField: 2 }), [[["v", [2, null]]]]);
});

test("names are rewritten, series are put below each other, queries are chosen", () => {
  assert.deepEqual(apply([rate], "renameByRegex", { regex: "Value #(.)", renamePattern: "$1" })[0]![2]![0], "A");
  assert.equal(apply([rate, p95], "filterByRefId", { include: "B" }).length, 1);
  assert.deepEqual(apply([table("A", field("Time", [1, 2], "time"), field("v", [3, 4]))], "seriesToRows"), [
    [
      ["Time", [2, 1]],
      ["Metric", ["v", "v"]],
      ["Value", [4, 3]],
    ],
  ]);
});

test("a disabled transformation changes nothing, and every known one has a test", () => {
  assert.deepEqual(
    columns(transformed([rate], [{ id: "limit", options: { limitField: 0 }, disabled: true }])),
    columns([rate]),
  );
  assert.deepEqual([...TRANSFORMATIONS].sort(), [
    "filterByRefId",
    "filterFieldsByName",
    "joinByField",
    "labelsToFields",
    "limit",
    "merge",
    "organize",
    "reduce",
    "renameByRegex",
    "seriesToColumns",
    "seriesToRows",
    "sortBy",
  ]);
});
