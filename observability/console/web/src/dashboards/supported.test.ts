import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import test from "node:test";
import type { Dashboard, Panel } from "./json.ts";
import { PANEL_KINDS, unsupportedIn, unsupportedOf } from "./supported.ts";

// The tests run in `dist-test`.
const FOLDER = process.env.DASHBOARDS ?? resolve("../../../../dashboards/generated");
const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));

test("there are generated dashboards", () => assert.ok(files.length > 0));

for (const file of files) {
  test(`everything in ${file} is drawn`, () => {
    const dashboard = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as Dashboard,
      variables = (dashboard.templating?.list ?? []).map(({ name }) => name);
    const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
    assert.deepEqual(unsupportedOf(dashboard), []);
    assert.deepEqual(
      panels.map((panel) => [panel.title, unsupportedIn(panel, variables)]).filter(([, found]) => found!.length > 0),
      [],
    );
  });
}

test("what is not drawn is named", () => {
  const panel: Panel = {
    type: "timeseries",
    transformations: [{ id: "timeSeriesTable" }, { id: "merge" }],
    targets: [{ refId: "A", expr: "up{a='$b'}[$__interval]", datasource: { type: "influxdb" } }],
    options: { legend: { calcs: ["mean", "novel"], displayMode: "table" } },
    fieldConfig: {
      defaults: { custom: { axisCenteredZero: true, lineWidth: 2, shiny: { yes: 1 }, empty: [] } },
      overrides: [
        {
          matcher: { id: "byValue" },
          properties: [
            { id: "custom.transform", value: "constant" },
            { id: "unit", value: "s" },
          ],
        },
      ],
    },
  };
  assert.deepEqual(unsupportedIn(panel, []), [
    'transformations[0].id "timeSeriesTable"',
    'targets[0].datasource {"type":"influxdb"}',
    'options.legend.calcs[1] "novel"',
    "fieldConfig.defaults.custom.axisCenteredZero true",
    'fieldConfig.defaults.custom.shiny {"yes":1}',
    'overrides[0].matcher "byValue"',
    'overrides[0].transform "constant"',
    "query A $b",
  ]);
  assert.deepEqual(unsupportedIn({ type: "piechart" }, []), ['type "piechart"']);
});

test("the kinds of panels that are drawn are these", () => {
  assert.deepEqual(
    [...PANEL_KINDS].sort(),
    [
      "bargauge",
      "gauge",
      "heatmap",
      "logs",
      "row",
      "stat",
      "state-timeline",
      "status-history",
      "table",
      "text",
      "timeseries",
    ].sort(),
  );
});

test("kinds of variables and sources that are not known are named", () => {
  const dashboard: Dashboard = {
    uid: "a",
    title: "a",
    panels: [],
    templating: {
      list: [
        { name: "x", type: "adhoc" },
        { name: "y", type: "query", datasource: { type: "tempo" } },
      ],
    },
  };
  assert.deepEqual(unsupportedOf(dashboard), ['variable x type "adhoc"', 'variable y datasource {"type":"tempo"}']);
});
