import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../stores/loki.ts";
import { fields, keysOf, level, levelOf, traceOf } from "./line.ts";

const line = (labels: Record<string, string>): Line => ({ at: 1, nanoseconds: "1000000", text: "x", labels });

test("levels are told by the words that frameworks use", () => {
  const told = ["TRACE", "Debug", "info", "notice", "WARN", "warning", "err", "ERROR", "fatal", "critical", ""].map(
    levelOf,
  );
  assert.deepEqual(told, [
    "trace",
    "debug",
    "info",
    "info",
    "warning",
    "warning",
    "error",
    "error",
    "critical",
    "critical",
    "info",
  ]);
  assert.equal(level(line({ severity_text: "error", level: "info" })), "error");
});

test("a line leads to its trace only where its ids are ids", () => {
  const trace = "a".repeat(32),
    span = "b".repeat(16);
  assert.deepEqual(traceOf(line({ trace_id: trace, span_id: span })), { trace, span });
  assert.deepEqual(traceOf(line({ trace_id: trace, span_id: "../x" })), { trace, span: undefined });
  assert.equal(traceOf(line({ trace_id: "../../api" })), undefined);
  assert.equal(traceOf(line({})), undefined);
});

test("fields are in order of their names", () => {
  assert.deepEqual(fields(line({ b: "1", a: "2" })), [
    ["a", "2"],
    ["b", "1"],
  ]);
});

test("keys are unique, also of equal lines, and stay as lines are added behind", () => {
  const one = line({ service_name: "a" });
  const keys = keysOf([one, one, line({ service_name: "b" })]);
  assert.equal(new Set(keys).size, 3);
  assert.deepEqual(keysOf([one, one]), keys.slice(0, 2));
});
