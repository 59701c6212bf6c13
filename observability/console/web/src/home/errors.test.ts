import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "../stores/loki.ts";
import { newestErrors } from "./errors.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c", SPAN = "b7ad6b7169203331";
const line = (at: number, text: string, labels: Record<string, string> = {}): Line => ({ at, nanoseconds: `${at}000000`, text, labels });

test("the lines of a trace are one entry, told by the oldest", () => {
  const found = newestErrors([
    line(30, "GET /stock 503", { service_name: "services-nginx", trace_id: TRACE, span_id: "00f067aa0ba902b7" }),
    line(20, "no connection", { service_name: "inventory", trace_id: TRACE, span_id: SPAN }),
  ]);
  assert.equal(found.length, 1);
  assert.deepEqual([found[0]!.first.text, found[0]!.at, found[0]!.count, found[0]!.trace], ["no connection", 30, 2, { trace: TRACE, span: SPAN }]);
  assert.deepEqual(found[0]!.services, ["services-nginx", "inventory"]);
});

test("lines outside of traces stay apart, and the newest comes first", () => {
  const found = newestErrors([line(1, "a"), line(3, "c"), line(2, "b", { trace_id: "no id" })]);
  assert.deepEqual(found.map(({ first, trace }) => [first.text, trace]), [["c", undefined], ["b", undefined], ["a", undefined]]);
});
