import assert from "node:assert/strict";
import test from "node:test";
import golden from "./units.golden.json" with { type: "json" };
import { axisTexts, formatOf, isBinaryUnit, partsOf } from "./units.ts";

// units.golden.json was made once with Grafana's own library (npm @grafana/data 12.3.0, Apache-2.0):
// formattedValueToString(getValueFormat(unit)(value, decimals)) of every unit, value and number of decimals it lists.
for (const [unit, rows] of Object.entries(golden.units)) {
  test(`${unit || "no unit"} is written as Grafana writes it`, () => {
    for (const [decimals, texts] of Object.entries(rows)) {
      const format = formatOf(unit, decimals === "auto" ? undefined : Number(decimals));
      assert.deepEqual(
        golden.values.map((value) => `${value}: ${format(value)}`),
        golden.values.map((value, index) => `${value}: ${texts[index]}`),
      );
    }
  });
}

test("what is not a number is said to be so", () => {
  assert.deepEqual(
    [null, undefined, NaN, Infinity, -Infinity].map((value) => formatOf("short")(value)),
    ["", "", "NaN", "∞", "-∞"],
  );
});

test("a stat tells the number from its unit", () => {
  assert.deepEqual(partsOf("bytes", 1536), { prefix: "", text: "1.50", suffix: " KiB" });
  assert.deepEqual(partsOf("currencyEUR", 12), { prefix: "€", text: "12", suffix: "" });
});

test("a unit that Grafana does not know is written behind the number", () => {
  assert.deepEqual(["apples", "toString"].map((unit) => formatOf(unit)(3)), ["3 apples", "3 toString"]);
});

test("marks of an axis are told apart", () => {
  assert.deepEqual(axisTexts([0, 0.25, 0.5], formatOf("percentunit")), ["0%", "25%", "50%"]);
  assert.deepEqual(axisTexts([1.001, 1.002], formatOf("none")), ["1.001", "1.002"]);
});

test("binary units are told from decimal ones", () => {
  assert.deepEqual(
    ["bytes", "kbytes", "bits", "binBps", "MiBs", "Kibits", "decbytes", "Bps", "MBs", "s"].filter(isBinaryUnit),
    ["bytes", "kbytes", "bits", "binBps", "MiBs", "Kibits"],
  );
});
