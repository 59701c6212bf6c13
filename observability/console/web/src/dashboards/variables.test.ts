import assert from "node:assert/strict";
import test from "node:test";
import type { Variable } from "./json.ts";
import {
  ALL,
  customOptions,
  filteredOptions,
  inOrder,
  type OptionQuestion,
  optionQuestion,
  queryText,
  resolveVariables,
  scopeOf,
  sortedOptions,
} from "./variables.ts";

const range = { from: 0, to: 1_800_000 };
const query = (name: string, text: string, more: Partial<Variable> = {}): Variable => ({
  name,
  type: "query",
  query: text,
  ...more,
});

/** Answers of a store that has services and instances, and what it was asked. */
function store(): { asked: OptionQuestion[]; ask: (question: OptionQuestion) => Promise<string[]> } {
  const asked: OptionQuestion[] = [];
  return {
    asked,
    ask: async (question) => {
      asked.push(question);
      return question.label === "service" ? ["rio", "gateway"] : [`${question.selector}-1`];
    },
  };
}
const resolve = (
  variables: Variable[],
  chosen: Record<string, string[]>,
  ask: (question: OptionQuestion) => Promise<string[]>,
) => resolveVariables(variables, (name) => chosen[name], range, ask, new AbortController().signal);

test("queries of variables are read", () => {
  assert.deepEqual(optionQuestion('label_values(up{job="hop"}, service)', "prometheus"), {
    source: "prometheus",
    kind: "label values",
    label: "service",
    selector: 'up{job="hop"}',
  });
  assert.deepEqual(optionQuestion("label_values(service_name)", "loki"), {
    source: "loki",
    kind: "label values",
    label: "service_name",
  });
  assert.deepEqual(optionQuestion("query_result(topk(3, up))", "prometheus"), {
    source: "prometheus",
    kind: "query result",
    expression: "topk(3, up)",
  });
  assert.equal(optionQuestion("something(else)", "prometheus"), undefined);
  assert.equal(
    queryText({ name: "a", type: "query", query: { qryType: 1, label: "service", metric: "up" } }),
    "label_values(up, service)",
  );
});

test("custom options may have texts of their own, and commas", () => {
  assert.deepEqual(customOptions("a, Bee : b, c\\,d"), [
    { text: "a", value: "a" },
    { text: "Bee", value: "b" },
    { text: "c,d", value: "c,d" },
  ]);
});

test("a regular expression keeps, cuts and names", () => {
  assert.deepEqual(filteredOptions(["gateway-1", "gateway-2", "rio"], "/^(gateway)-/"), [
    { text: "gateway", value: "gateway" },
  ]);
  assert.deepEqual(filteredOptions(['{id="7", name="x"}'], '/id="(?<value>\\d+)", name="(?<text>\\w+)"/'), [
    { text: "x", value: "7" },
  ]);
});

test("orders are Grafana's", () => {
  const texts = (sort: number) =>
    sortedOptions(
      ["b10", "B9", "a2"].map((text) => ({ text, value: text })),
      sort,
    ).map(({ text }) => text);
  assert.deepEqual([0, 1, 3, 4, 5, 7].map(texts), [
    ["b10", "B9", "a2"],
    ["B9", "a2", "b10"],
    ["a2", "B9", "b10"],
    ["b10", "B9", "a2"],
    ["a2", "b10", "B9"],
    ["a2", "B9", "b10"],
  ]);
});

test("variables are resolved after those they need", async () => {
  const { asked, ask } = store(),
    instance = query("instance", 'label_values(up{service="$service"}, instance)'),
    service = query("service", "label_values(service)", { current: { value: "gateway" } });
  assert.deepEqual(
    inOrder([instance, service]).map(({ name }) => name),
    ["service", "instance"],
  );
  const found = await resolve([instance, service], {}, ask);
  assert.deepEqual(
    found.map(({ variable, chosen }) => [variable.name, chosen]),
    [
      ["instance", ['up{service="gateway"}-1']],
      ["service", ["gateway"]],
    ],
  );
  assert.deepEqual(
    asked.map(({ label }) => label),
    ["service", "instance"],
  );
});

test("the address decides, then the dashboard, then the first option", async () => {
  const { ask } = store();
  const chosen = async (more: Partial<Variable>, given?: string[]) =>
    (await resolve([query("a", "label_values(service)", more)], given ? { a: given } : {}, ask))[0]!.chosen;
  assert.deepEqual(await chosen({ current: { value: "gateway" } }, ["other"]), ["other"]);
  assert.deepEqual(await chosen({ current: { value: "gateway" } }), ["gateway"]);
  assert.deepEqual(await chosen({ current: { value: "gone" } }), ["rio"]);
  assert.deepEqual(await chosen({ multi: true }, ["rio", ALL]), ["rio"]);
});

test("all is every option, or what stands for it", async () => {
  const { ask } = store(),
    all = { includeAll: true, multi: true, current: { value: ALL } };
  const [every, custom] = await resolve(
    [query("a", "label_values(service)", all), query("b", "label_values(service)", { ...all, allValue: ".*" })],
    {},
    ask,
  );
  assert.deepEqual(scopeOf([every!, custom!]), {
    a: { values: ["rio", "gateway"], texts: ["All"], isMulti: true, isAll: true },
    b: { values: ["rio", "gateway"], texts: ["All"], isMulti: true, isAll: true, all: ".*" },
  });
});

test("an interval may follow the range", async () => {
  const [found] = await resolve(
    [
      {
        name: "every",
        type: "interval",
        query: "1m,5m",
        auto: true,
        auto_count: 30,
        auto_min: "10s",
        current: { value: "$__auto_interval_every" },
      },
    ],
    {},
    store().ask,
  );
  assert.deepEqual(found!.value.values, ["1m"]);
  assert.deepEqual(
    found!.options.map(({ text }) => text),
    ["auto", "1m", "5m"],
  );
});

test("text and constants are what they say", async () => {
  const found = await resolve(
    [
      { name: "t", type: "textbox", query: "usual" },
      { name: "c", type: "constant", query: "fixed" },
    ],
    { t: ["typed"], c: ["forged"] },
    store().ask,
  );
  assert.deepEqual(
    found.map(({ chosen }) => chosen),
    [["typed"], ["fixed"]],
  );
});

test("a store that fails leaves the variable its value and says why", async () => {
  const [found] = await resolve(
    [query("a", "label_values(service)", { current: { value: "gateway" } })],
    {},
    async () => {
      throw new Error("down");
    },
  );
  assert.deepEqual([found!.chosen, found!.error?.message], [["gateway"], "down"]);
});
