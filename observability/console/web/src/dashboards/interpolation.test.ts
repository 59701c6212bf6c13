import assert from "node:assert/strict";
import test from "node:test";
import { BUILT_IN, builtIn, interpolate, referred, type Scope } from "./interpolation.ts";

const scope: Scope = {
  one: { values: ["a.b"], texts: ["A"], isMulti: false },
  many: { values: ["a.b", "c"], texts: ["A", "C"], isMulti: true },
  single: { values: ["a.b"], texts: ["A"], isMulti: true },
  every: { values: ["a", "b"], texts: ["All"], isMulti: true, isAll: true, all: ".*" },
};
const query = (text: string): string => interpolate(text, scope, "query");

test("values of a query are written for a string of PromQL", () => {
  assert.equal(query('up{a="$one"}'), 'up{a="a.b"}');
  assert.equal(query('up{a=~"${many}"}'), 'up{a=~"(a\\\\.b|c)"}');
  assert.equal(query('up{a=~"[[single]]"}'), 'up{a=~"a\\\\.b"}');
  assert.equal(query('up{a=~"$every"}'), 'up{a=~".*"}');
  assert.equal(
    interpolate('up{a="$quoted"}', { quoted: { values: ['"} or x{"'], texts: [""], isMulti: false } }, "query"),
    'up{a="\\"} or x{\\""}',
  );
});

test("formats are Grafana's", () => {
  const formats = [
    "csv",
    "pipe",
    "regex",
    "glob",
    "json",
    "singlequote",
    "doublequote",
    "queryparam",
    "text",
    "percentencode",
  ];
  assert.deepEqual(
    formats.map((format) => query(`\${many:${format}}`)),
    [
      "a.b,c",
      "a.b|c",
      "(a\\.b|c)",
      "{a.b,c}",
      '["a.b","c"]',
      "'a.b','c'",
      '"a.b","c"',
      "var-many=a.b&var-many=c",
      "A + C",
      "%7Ba.b%2Cc%7D",
    ],
  );
});

test("titles say the texts, and what has no value stays", () => {
  assert.equal(
    interpolate("Of $many and $nothing, ${__field.name}", scope, "title"),
    "Of A + C and $nothing, ${__field.name}",
  );
});

test("references are found", () => {
  assert.deepEqual(referred("$a ${b:csv} [[c]] ${__data.fields[0]}"), ["a", "b", "c", "__data.fields[0]"]);
});

test("Grafana's own variables have values", () => {
  const own = builtIn({ from: 0, to: 1_800_000 }, { interval: 5_000, rate: 20_000 });
  assert.equal(
    interpolate("$__range $__interval $__rate_interval $__interval_ms $__to", own, "query"),
    "1800s 5s 20s 5000 1800000",
  );
  assert.equal(interpolate("${__from:date:iso}", own, "link"), "1970-01-01T00:00:00.000Z");
  assert.deepEqual(Object.keys(own).sort(), [...BUILT_IN].sort());
});
