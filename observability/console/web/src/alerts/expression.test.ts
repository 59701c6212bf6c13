import assert from "node:assert/strict";
import { test } from "node:test";
import { watched } from "./expression.ts";

test("a comparison with a number is taken apart", () => {
  assert.deepEqual(watched("relay_outbox_oldest_seconds > 60"), { query: "relay_outbox_oldest_seconds", comparison: { operator: ">", threshold: 60 } });
});

test("what narrows the alert down is left out", () => {
  const expression = "a:errors:rate5m / a:requests:rate5m > 0.05 and a:requests:rate5m > 0.2 unless on () platform:starting";
  assert.deepEqual(watched(expression), { query: "a:errors:rate5m / a:requests:rate5m", comparison: { operator: ">", threshold: 0.05 } });
});

test("what is in brackets and strings is no comparison of the rule", () => {
  const expression = 'sum by (a) (rate(m{reason=~"too > 1 or more", b!="c"}[2m])) > 0.1';
  assert.deepEqual(watched(expression).comparison, { operator: ">", threshold: 0.1 });
  assert.deepEqual(watched('max by (service) (up{job="hop"}) == 0').query, 'max by (service) (up{job="hop"})');
});

test("two conditions stay whole", () => {
  for (const expression of ["a > 1 or b > 2", "(a == 0 or b == 0) unless c"]) assert.deepEqual(watched(expression), { query: expression });
});

test("without a comparison, or with none with a number, the expression stays whole", () => {
  for (const expression of ["vector(1)", "a > b", "a > bool 1", "a > 1 > 2"]) assert.deepEqual(watched(expression), { query: expression });
});

test("a comment is no part of the expression", () => {
  assert.deepEqual(watched("a # not > 3\n  > 5").comparison, { operator: ">", threshold: 5 });
});
