import assert from "node:assert/strict";
import { test } from "node:test";
import type { Deployment, ProcessState } from "../stores/platform.ts";
import type { Series } from "../stores/prometheus.ts";
import { changesOf, startsOf } from "./starts.ts";

const NOW = 10_000_000;
const series = (service: string, instance: string, ...seconds: number[]): Series => ({ metric: { service, instance }, values: seconds.map((at, index): [number, string] => [index, String(at)]) });
const process = (name: string, age_seconds: number, restarts = 0, state = "Running"): ProcessState => ({ name, state, ready: true, restarts, age_seconds, exit_code: -1 });
const deployment = (from: number, to: number, ...changes: string[]): Deployment =>
  ({ started: new Date(from * 1e3).toISOString(), ended: new Date(to * 1e3).toISOString(), command: "up", changes, failed: null });

test("each start time of a process is one start", () => {
  const found = startsOf([series("orders", "orders-1", 5000, 5000.4, 7000), series("orders", "orders-1", 7000)], undefined, NOW);
  assert.deepEqual(found.map(({ at }) => at / 1e3), [5000, 7000]);
});

test("a process without metrics is told of by the supervisor, one that has ended is not, one with metrics not twice", () => {
  const processes = [process("edge-nginx", 1000), process("databases", 1000, 0, "Completed"), process("gateway", 500)];
  const found = startsOf([series("gateway", "gateway-1", 9500)], processes, NOW);
  assert.deepEqual(found.map(({ service, at }) => [service, at / 1e3]), [["gateway", 9500], ["edge-nginx", 9000]]);
});

test("starts within a deploy are the deploy", () => {
  const starts = startsOf([series("orders", "orders-1", 5010)], undefined, NOW);
  assert.deepEqual(changesOf(starts, [deployment(5000, 5020, "orders replaced: its files changed")]).map(({ kind, title }) => [kind, title]),
    [["deploy", "orders replaced: its files changed"]]);
});

test("a start that no deploy explains is a restart, one from before the first deploy that is known is a start", () => {
  const starts = startsOf([series("orders", "orders-1", 1000, 5010, 7000)], undefined, NOW);
  const found = changesOf(starts, [deployment(5000, 5020, "a", "b")], [process("orders-1", 5, 1)]);
  assert.deepEqual(found.map(({ kind, at, title }) => [kind, at / 1e3, title]), [
    ["restart", 7000, "orders started again, by no deploy"], ["deploy", 5000, "up: 2 changes"], ["start", 1000, "orders started"],
  ]);
  assert.deepEqual(found[0]!.details, ["orders-1 was started again once because it had ended; its last exit code is -1"]);
  assert.deepEqual(found[1]!.details, ["a", "b"]);
});

test("a deploy that failed says why", () => {
  const found = changesOf([], [{ ...deployment(1, 2, "a"), failed: "orders did not become ready" }]);
  assert.deepEqual([found[0]!.title, found[0]!.details], ["up failed", ["orders did not become ready", "a"]]);
});

test("where deploys are not written down starts are starts; those soon after each other are one", () => {
  const starts = startsOf(["a", "b", "c", "d"].map((name, index) => series(name, `${name}-1`, 1000 + 40 * index)), undefined, NOW);
  const found = changesOf([...starts, { at: 3_000_000, service: "a", instance: "a-1" }], undefined);
  assert.deepEqual(found.map(({ kind, title, details }) => [kind, title, details]), [
    ["start", "a started", []], ["start", "4 processes of 4 parts started", ["a, b, c, d"]],
  ]);
});
