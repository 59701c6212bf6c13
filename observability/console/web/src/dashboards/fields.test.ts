import assert from "node:assert/strict";
import test from "node:test";
import { mappingOf, shownFields, shownText, thresholdColour } from "./fields.ts";
import type { Frame } from "./frames.ts";
import type { FieldConfig, Override, Panel } from "./json.ts";

const frame = (title: string, values: (number | null)[], labels: Record<string, string> = {}): Frame => ({
  refId: "A",
  fields: [
    { name: "Time", kind: "time", labels: {}, values: values.map((_, index) => 1e12 + index) },
    { name: "Value", kind: "number", labels, values, title },
  ],
});
const panel = (defaults: FieldConfig, overrides: Override[] = []): Panel => ({
  type: "stat",
  fieldConfig: { defaults, overrides },
});
const steps = {
  mode: "absolute",
  steps: [
    { value: null, color: "green" },
    { value: 5, color: "red" },
  ],
};

test("overrides are laid over defaults, each for the fields that it fits", () => {
  const overrides: Override[] = [
    { matcher: { id: "byName", options: "a" }, properties: [{ id: "unit", value: "bytes" }] },
    { matcher: { id: "byRegexp", options: "/^b/" }, properties: [{ id: "custom.lineWidth", value: 3 }] },
    { matcher: { id: "byFrameRefID", options: "Z" }, properties: [{ id: "unit", value: "m" }] },
  ];
  const [a, b] = shownFields(panel({ unit: "s" }, overrides), [frame("a", [2048]), frame("b", [2])], {});
  assert.deepEqual(
    [a!, b!].map(({ config, custom }) => [config.unit, custom]),
    [
      ["bytes", {}],
      ["s", { lineWidth: 3 }],
    ],
  );
  assert.equal(shownText(a!.display(2048)), "2 KiB");
});

test("names may be given, with the field's labels and variables", () => {
  const scope = { v: { values: ["x"], texts: ["X"], isMulti: false } };
  const [field] = shownFields(
    panel({ displayName: "${__field.labels.job} of $v" }),
    [frame("a", [1], { job: "hop" })],
    scope,
  );
  assert.equal(field!.name, "hop of X");
});

test("values are mapped before they are written", () => {
  const mappings: FieldConfig["mappings"] = [
    { type: "value", options: { "1": { text: "up", color: "blue" } } },
    { type: "range", options: { from: 2, to: null, result: { text: "many" } } },
    { type: "special", options: { match: "null", result: { text: "none" } } },
    { type: "regex", options: { pattern: "/^(\\w+)-\\d+$/", result: { text: "$1" } } },
  ];
  assert.deepEqual(
    [1, 3, null, "gateway-2", 0].map((value) => mappingOf(mappings, value)?.text),
    ["up", "many", "none", "gateway", undefined],
  );
  const [field] = shownFields(panel({ mappings, unit: "short" }), [frame("a", [1])], {});
  assert.deepEqual([shownText(field!.display(1)), field!.display(1).colour], ["up", "#5794F2"]);
});

test("a value has the colour of the last step that it reaches", () => {
  assert.deepEqual(
    [4.9, 5, null].map((value) => thresholdColour(steps, value, 0, 100)),
    ["#73BF69", "#F2495C", "#73BF69"],
  );
  assert.equal(thresholdColour({ ...steps, mode: "percentage" }, 0.4, 0, 10), "#73BF69");
  assert.equal(thresholdColour({ ...steps, mode: "percentage" }, 6, 0, 100), "#F2495C");
});

test("what has no value says what it is to say", () => {
  const [field] = shownFields(panel({ noValue: "nothing" }), [frame("a", [null])], {});
  assert.equal(shownText(field!.display(null)), "nothing");
});

test("ends of scales come from values, never from times", () => {
  const [field] = shownFields(panel({}), [frame("a", [1, 3])], {}, []).filter(
    ({ field: { kind } }) => kind === "number",
  );
  assert.deepEqual([field!.min, field!.max], [1, 3]);
});
