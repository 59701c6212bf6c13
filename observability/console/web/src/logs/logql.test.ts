import assert from "node:assert/strict";
import { test } from "node:test";
import { closing, countsOf, filtered, isLogQuery, quoted, selectorOf, withLevels } from "./logql.ts";

test("strings are quoted for LogQL", () => {
  assert.equal(quoted('a"b\\c\nd'), '"a\\"b\\\\c\\nd"');
  assert.equal(quoted("\u001b[31m\u2028\u009b"), '"\\u001b[31m\\u2028\\u009b"');
});

test("a line's stream is selected by its labels, not by its metadata", () => {
  assert.equal(
    selectorOf({ service_name: "orders", service_instance_id: "orders-1", trace_id: "x" }),
    '{service_name="orders", service_instance_id="orders-1"}',
  );
  assert.equal(selectorOf({ trace_id: "x" }), '{service_name=~".+"}');
});

test("queries for lines are told from others", () => {
  assert.ok(isLogQuery(' {a="b"} |= "x"'));
  assert.ok(!isLogQuery('rate({a="b"}[1m])'));
});

test("levels are filtered by all the words for them", () => {
  assert.equal(
    withLevels('{a="b"}', ["warning", "critical"]),
    '{a="b"} | severity_text=~"warn|warning|critical|fatal"',
  );
  assert.equal(withLevels('{a="b"}', []), '{a="b"}');
  assert.equal(countsOf(' {a="b"} ', "30s"), 'sum by (severity_text) (count_over_time({a="b"} [30s]))');
});

test("a label is filtered in the selector", () => {
  assert.equal(filtered('{service_name=~".+"}', "service_name", "rio", "for"), '{service_name="rio"}');
  assert.equal(
    filtered('{service_name="rio"} |= "x"', "service_instance_id", "rio-1", "for"),
    '{service_name="rio", service_instance_id="rio-1"} |= "x"',
  );
  assert.equal(
    filtered('{service_name=~".+"}', "service_name", "rio", "out"),
    '{service_name=~".+", service_name!="rio"}',
  );
  assert.equal(
    filtered('{service_name="rio"}', "service_name", "rio", "out"),
    '{service_name=~".+", service_name!="rio"}',
  );
  assert.equal(
    filtered('{service_name=~".+", service_name!="rio"}', "service_name", "rio", "for"),
    '{service_name="rio"}',
  );
});

test("other fields are filtered behind it, and contrary filters go", () => {
  const found = filtered('{service_name="rio"}', "status", "202", "for");
  assert.equal(found, '{service_name="rio"} | status="202"');
  assert.equal(filtered(found, "status", "202", "for"), found);
  assert.equal(filtered(found, "status", "202", "out"), '{service_name="rio"} | status!="202"');
  assert.equal(filtered(found, "status", "500", "out"), '{service_name="rio"} | status="202" | status!="500"');
});

test("values cannot leave their quotes", () => {
  const found = filtered('{service_name="rio"}', "path", '"} |= "x', "for");
  assert.equal(found, '{service_name="rio"} | path="\\"} |= \\"x"');
  assert.equal(
    filtered('{service_name="a}b", x=`}`} | json', "service_name", 'c"}', "for"),
    '{x=`}`, service_name="c\\"}"} | json',
  );
});

test("a query that cannot be read is filtered behind what there is", () => {
  assert.equal(filtered("{service_name=", "service_name", "rio", "for"), '{service_name= | service_name="rio"');
  assert.equal(filtered('rate({a="b"}[1m])', "status", "1", "for"), 'rate({a="b"}[1m])');
});

test("braces in strings do not close a selector", () => {
  assert.equal(closing('{a="}"}', 0), 6);
  assert.equal(closing('{a="}', 0), undefined);
  assert.equal(closing('{a="\\"}"}', 0), 8);
});
