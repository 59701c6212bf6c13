/**
 * What of Grafana's dashboard JSON the console draws. Everything else that a dashboard holds is named on its panel, and
 * on top of the dashboard where it belongs to none.
 */
import { isCalculation } from "../charts/calculations.ts";
import { duration } from "../time.ts";
import { isColour, isScale } from "./colours.ts";
import { MATCHERS } from "./fields.ts";
import { BUILT_IN, isFormat, referred } from "./interpolation.ts";
import type { Dashboard, Panel, Variable } from "./json.ts";
import { TRANSFORMATIONS } from "./transformations.ts";

/** Any value; one of some; what a function accepts; a list or an object of what is known. Null is always known. */
type Shape =
  | "any"
  | readonly (string | number | boolean)[]
  | ((value: unknown) => boolean)
  | { readonly each: Shape }
  | { readonly values: Shape }
  | { readonly members: Readonly<Record<string, Shape>> };
const members = (known: Readonly<Record<string, Shape>>): Shape => ({ members: known });
const each = (shape: Shape): Shape => ({ each: shape });

const isCalculationOf = (value: unknown): boolean => typeof value === "string" && isCalculation(value);
const isDuration = (value: unknown): boolean =>
  value === "" ||
  (typeof value === "string" && (value.includes("$") || duration(value.replace(/^[><=\s]+/, "")) !== undefined));
const hasFormats = (value: unknown): boolean =>
  typeof value !== "string" ||
  [...value.matchAll(/\$\{[\w.]+:([^}]+)\}|\[\[\w+:(\w+)\]\]/g)].every((found) => isFormat(found[1] ?? found[2]!));
const isOff = (value: unknown): boolean =>
  value === false || value === "" || value === "off" || (Array.isArray(value) && value.length === 0);

const SOURCE: Shape = (value) => {
  const type = typeof value === "object" ? (value as { type?: string }).type : undefined;
  return (
    type === "prometheus" ||
    type === "loki" ||
    (type === "datasource" && (value as { uid?: string }).uid === "-- Mixed --")
  );
};
const TARGET = members({
  refId: "any",
  expr: hasFormats,
  legendFormat: "any",
  datasource: SOURCE,
  exemplar: [true, false],
  instant: [true, false],
  range: [true, false],
  format: ["time_series", "table", "heatmap", "logs"],
  hide: [true, false],
  interval: isDuration,
  intervalFactor: [1],
  maxLines: (value) => typeof value === "number",
  queryType: ["", "range"],
  resolution: [1],
  editorMode: "any",
  direction: ["backward", ""],
  step: isOff,
  legendLink: isOff,
});
const LINKS = each(
  members({
    title: "any",
    url: "any",
    targetBlank: "any",
    keepTime: "any",
    includeVars: "any",
    type: ["link"],
    tooltip: "any",
    icon: "any",
    tags: isOff,
    asDropdown: [false],
    oneClick: "any",
  }),
);
const RESULT = members({ text: "any", color: isColour, index: "any" });
const MAPPINGS = each((mapping) => {
  const { type, options } = mapping as { type: string; options: unknown };
  const shapes: Record<string, Shape> = {
    value: { values: RESULT },
    range: members({ from: "any", to: "any", result: RESULT }),
    regex: members({ pattern: "any", result: RESULT }),
    special: members({ match: ["null", "nan", "null+nan", "true", "false", "empty"], result: RESULT }),
  };
  return shapes[type] !== undefined && unknownIn(options, shapes[type]!).length === 0;
});
const THRESHOLDS = members({
  mode: ["absolute", "percentage"],
  steps: each(members({ value: "any", color: isColour, state: isOff })),
});
const isScaleName = (value: unknown): boolean => typeof value === "string" && isScale(value);
const isColourMode = (value: unknown): boolean =>
  typeof value === "string" &&
  (["thresholds", "fixed", "palette-classic", "palette-classic-by-name", "shades"].includes(value) || isScale(value));
const FIELD: Readonly<Record<string, Shape>> = {
  displayName: "any",
  displayNameFromDS: "any",
  description: "any",
  unit: "any",
  decimals: "any",
  min: "any",
  max: "any",
  noValue: "any",
  thresholds: THRESHOLDS,
  mappings: MAPPINGS,
  color: members({ mode: isColourMode, fixedColor: isColour, seriesBy: ["last"] }),
  links: LINKS,
  filterable: "any",
  writeable: "any",
  path: "any",
  unitScale: "any",
};
const HIDE_FROM = members({ legend: [true, false], tooltip: [true, false], viz: [true, false] });
const LEGEND = members({
  calcs: each(isCalculationOf),
  displayMode: ["list", "table", "hidden"],
  placement: ["bottom", "right"],
  showLegend: [true, false],
  isVisible: [true, false],
  asTable: "any",
  sortBy: isOff,
  sortDesc: "any",
  width: isOff,
});
const TOOLTIP = members({
  mode: ["single", "multi", "none"],
  sort: ["none", "asc", "desc"],
  maxHeight: "any",
  maxWidth: "any",
  hideZeros: [false],
});
const REDUCE = members({ calcs: each(isCalculationOf), values: [true, false], limit: "any", fields: "any" });
const TEXT_SIZES = members({ titleSize: isOff, valueSize: isOff });

interface PanelKind {
  options: Readonly<Record<string, Shape>>;
  custom: Readonly<Record<string, Shape>>;
}
const LOGS_OPTIONS: Readonly<Record<string, Shape>> = {
  showTime: [true, false],
  wrapLogMessage: [true, false],
  enableLogDetails: [true],
  dedupStrategy: ["none"],
  sortOrder: ["Descending", "Ascending"],
  prettifyLogMessage: [false],
  showCommonLabels: [false],
  showLabels: [false],
  isFilterLabelActive: isOff,
  enableInfiniteScrolling: [false],
  noInteractions: [false],
  fontSize: "any",
  syntaxHighlighting: "any",
  showControls: [false],
  unwrappedColumns: [false],
  showLogContextToggle: "any",
  onClickFilterLabel: isOff,
  showLogAttributes: "any",
  timestampResolution: "any",
  detailsMode: "any",
};
const STATES: PanelKind = {
  options: {
    mergeValues: [true, false],
    showValue: ["auto", "always", "never"],
    alignValue: ["left", "center", "right"],
    rowHeight: "any",
    colWidth: "any",
    legend: LEGEND,
    tooltip: TOOLTIP,
    perPage: isOff,
    timezone: isOff,
  },
  custom: {
    fillOpacity: "any",
    lineWidth: "any",
    hideFrom: HIDE_FROM,
    spanNulls: "any",
    insertNulls: [false],
    axisPlacement: "any",
  },
};
const KINDS: Readonly<Record<string, PanelKind>> = {
  timeseries: {
    options: { legend: LEGEND, tooltip: TOOLTIP, timezone: isOff, orientation: ["horizontal"] },
    custom: {
      drawStyle: ["line", "bars", "points"],
      lineInterpolation: ["linear", "smooth", "stepBefore", "stepAfter"],
      lineWidth: "any",
      lineStyle: members({ fill: ["solid", "dash", "dot"], dash: "any" }),
      fillOpacity: "any",
      gradientMode: ["none", "opacity", "hue"],
      showPoints: ["auto", "always", "never"],
      showValues: [false],
      pointSize: "any",
      spanNulls: "any",
      insertNulls: [false],
      stacking: members({ mode: ["none", "normal", "percent"], group: "any" }),
      thresholdsStyle: members({ mode: ["off", "line", "dashed", "area", "line+area", "dashed+area"] }),
      hideFrom: HIDE_FROM,
      axisPlacement: ["auto", "left", "right", "hidden"],
      axisLabel: "any",
      axisColorMode: ["text"],
      axisBorderShow: [false],
      axisCenteredZero: [false],
      axisGridShow: [true, false],
      axisSoftMin: "any",
      axisSoftMax: "any",
      axisWidth: isOff,
      scaleDistribution: members({ type: ["linear", "log", "symlog"], log: [2, 10], linearThreshold: "any" }),
      barAlignment: [0],
      barWidthFactor: "any",
      fillBelowTo: isOff,
      transform: isOff,
      barMaxWidth: "any",
    },
  },
  stat: {
    options: {
      reduceOptions: REDUCE,
      colorMode: ["none", "value", "background", "background_solid"],
      graphMode: ["none", "area"],
      textMode: ["auto", "value", "value_and_name", "name", "none"],
      justifyMode: ["auto", "center"],
      orientation: ["auto", "horizontal", "vertical"],
      wideLayout: "any",
      showPercentChange: [true, false],
      percentChangeColorMode: ["standard", "inverted", "same_as_value"],
      text: TEXT_SIZES,
    },
    custom: { neutral: isOff, hideFrom: HIDE_FROM },
  },
  gauge: {
    options: {
      reduceOptions: REDUCE,
      showThresholdLabels: [true, false],
      showThresholdMarkers: [true, false],
      orientation: ["auto", "horizontal", "vertical"],
      sizing: "any",
      minVizHeight: "any",
      minVizWidth: "any",
      text: TEXT_SIZES,
    },
    custom: { neutral: isOff, hideFrom: HIDE_FROM },
  },
  bargauge: {
    options: {
      reduceOptions: REDUCE,
      displayMode: ["basic", "gradient", "lcd"],
      orientation: ["auto", "horizontal", "vertical"],
      valueMode: ["color", "text", "hidden"],
      namePlacement: ["auto", "left", "top", "hidden"],
      showUnfilled: [true, false],
      sizing: "any",
      minVizHeight: "any",
      minVizWidth: "any",
      maxVizHeight: "any",
      text: TEXT_SIZES,
      legend: members({ showLegend: [false], calcs: "any", displayMode: "any", placement: "any" }),
    },
    custom: { neutral: isOff, hideFrom: HIDE_FROM },
  },
  table: {
    options: {
      showHeader: [true, false],
      cellHeight: ["sm", "md", "lg"],
      sortBy: each(members({ displayName: "any", desc: [true, false] })),
      frameIndex: "any",
      footer: members({
        show: [true, false],
        reducer: each(isCalculationOf),
        countRows: [false],
        fields: "any",
        enablePagination: [false],
      }),
      showTypeIcons: [false],
      enablePagination: [false],
    },
    custom: {
      align: ["auto", "left", "center", "right"],
      width: "any",
      minWidth: "any",
      filterable: [false],
      hidden: [true, false],
      inspect: [false],
      displayMode: [
        "auto",
        "color-text",
        "color-background",
        "color-background-solid",
        "json-view",
        "gradient-gauge",
        "lcd-gauge",
        "basic",
      ],
      cellOptions: members({
        type: ["auto", "color-text", "color-background", "json-view", "gauge"],
        mode: ["basic", "gradient", "lcd"],
        valueDisplayMode: ["text", "color", "hidden"],
        applyToRow: [false],
        wrapText: "any",
      }),
      hideFrom: HIDE_FROM,
    },
  },
  logs: { options: LOGS_OPTIONS, custom: {} },
  heatmap: {
    options: {
      calculate: [false],
      calculation: isOff,
      color: members({
        mode: ["scheme"],
        scheme: isScaleName,
        steps: "any",
        exponent: "any",
        scale: ["exponential"],
        fill: "any",
        reverse: [true, false],
        min: "any",
        max: "any",
      }),
      cellGap: "any",
      cellRadius: "any",
      cellValues: members({ unit: "any", decimals: "any" }),
      exemplars: members({ color: "any" }),
      filterValues: members({ le: "any", ge: "any" }),
      legend: members({ show: [true, false] }),
      rowsFrame: members({ layout: ["auto", "le"], value: "any" }),
      showValue: ["auto", "never"],
      tooltip: members({
        mode: ["single", "none"],
        show: [true, false],
        yHistogram: [true, false],
        showColorScale: [true, false],
      }),
      yAxis: members({
        unit: "any",
        decimals: "any",
        axisPlacement: ["left", "auto"],
        axisLabel: isOff,
        reverse: [false],
        min: isOff,
        max: isOff,
      }),
    },
    custom: { hideFrom: HIDE_FROM, scaleDistribution: members({ type: ["linear"] }) },
  },
  "state-timeline": STATES,
  "status-history": STATES,
  text: { options: { mode: ["markdown", "code"], content: "any", code: "any" }, custom: {} },
  row: { options: {}, custom: {} },
};
/** The kinds of panels that are drawn. */
export const PANEL_KINDS: readonly string[] = Object.keys(KINDS);

const PANEL: Readonly<Record<string, Shape>> = {
  id: "any",
  type: PANEL_KINDS,
  title: "any",
  description: "any",
  gridPos: "any",
  collapsed: "any",
  panels: "any",
  datasource: SOURCE,
  targets: each(TARGET),
  links: LINKS,
  repeat: "any",
  repeatDirection: ["h", "v"],
  maxPerRow: "any",
  interval: isDuration,
  maxDataPoints: "any",
  timeFrom: isDuration,
  timeShift: isDuration,
  hideTimeOverride: "any",
  transparent: "any",
  pluginVersion: "any",
  cacheTimeout: "any",
  queryCachingTTL: "any",
  libraryPanel: isOff,
  repeatPanelId: "any",
  scopedVars: "any",
  transformations: each(members({ id: TRANSFORMATIONS, options: "any", disabled: "any" })),
};

const VARIABLE_KINDS = ["query", "custom", "interval", "textbox", "constant"];
const DASHBOARD: Readonly<Record<string, Shape>> = {
  uid: "any",
  id: "any",
  title: "any",
  description: "any",
  tags: "any",
  time: "any",
  refresh: "any",
  graphTooltip: [0, 1, 2],
  panels: "any",
  templating: members({ list: "any" }),
  links: each(
    members({
      ...Object.fromEntries(
        ["title", "url", "tags", "tooltip", "icon", "asDropdown", "keepTime", "includeVars", "targetBlank"].map(
          (name) => [name, "any" as Shape],
        ),
      ),
      type: ["link", "dashboards"],
    }),
  ),
  annotations: members({ list: "any" }),
  timezone: "any",
  editable: "any",
  schemaVersion: "any",
  style: "any",
  version: "any",
  fiscalYearStartMonth: [0],
  weekStart: isOff,
  liveNow: [false],
  timepicker: "any",
  gnetId: "any",
  revision: "any",
  preload: "any",
  snapshot: isOff,
};

/** The paths of a value that a shape does not know, each with what stands there. */
function unknownIn(value: unknown, shape: Shape, path = ""): string[] {
  if (value === null || value === undefined || shape === "any") return [];
  const said = (): string[] => [`${path} ${brief(value)}`.trim()];
  if (typeof shape === "function") return shape(value) ? [] : said();
  if (isList(shape)) return shape.includes(value as string) ? [] : said();
  if ("each" in shape)
    return Array.isArray(value)
      ? value.flatMap((one, index) => unknownIn(one, shape.each, `${path}[${index}]`))
      : said();
  if (typeof value !== "object" || Array.isArray(value)) return said();
  if ("values" in shape)
    return Object.entries(value).flatMap(([name, one]) => unknownIn(one, shape.values, joined(path, name)));
  const { members: known } = shape as { members: Readonly<Record<string, Shape>> };
  return Object.entries(value).flatMap(([name, one]) => {
    if (Object.hasOwn(known, name)) return unknownIn(one, known[name]!, joined(path, name));
    return one === null || one === undefined || isOff(one) ? [] : [`${joined(path, name)} ${brief(one)}`];
  });
}

const isList = (shape: Shape): shape is readonly (string | number | boolean)[] => Array.isArray(shape);
const joined = (path: string, name: string): string => (path ? `${path}.${name}` : name);
function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** What of a panel is not drawn; `variables` are the names of those that have a value. */
export function unsupportedIn(panel: Panel, variables: readonly string[]): string[] {
  const kind = Object.hasOwn(KINDS, panel.type) ? KINDS[panel.type] : undefined;
  if (!kind) return [`type ${brief(panel.type)}`];
  const { options, fieldConfig, ...rest } = panel,
    defaults = fieldConfig?.defaults,
    overrides = fieldConfig?.overrides ?? [];
  return [
    ...unknownIn(rest, members(PANEL)),
    ...unknownIn(options, members(kind.options), "options"),
    ...unknownIn(defaults, members({ ...FIELD, custom: members(kind.custom) }), "fieldConfig.defaults"),
    ...overrides.flatMap(({ matcher, properties }, index) => [
      ...unknownIn(matcher.id, MATCHERS, `overrides[${index}].matcher`),
      ...properties.flatMap(({ id, value }) =>
        unknownIn(
          { [id.replace(/^custom\./, "")]: value },
          members(id.startsWith("custom.") ? kind.custom : FIELD),
          `overrides[${index}]`,
        ),
      ),
    ]),
    ...(panel.targets ?? [])
      .filter(({ instant, range }) => instant && range)
      .map(({ refId }) => `query ${refId} both instant and range`),
    ...(panel.targets ?? []).flatMap(({ expr = "", refId }) =>
      referred(expr)
        .filter((name) => !variables.includes(name) && !BUILT_IN.includes(name))
        .map((name) => `query ${refId} $${name}`),
    ),
  ];
}

/** What of a dashboard is not drawn, apart from its panels. */
export function unsupportedOf(dashboard: Dashboard): string[] {
  const variables = dashboard.templating?.list ?? [],
    annotations = dashboard.annotations?.list ?? [];
  return [
    ...unknownIn(dashboard, members(DASHBOARD)),
    ...variables.flatMap((variable) => unknownIn(variable.type, VARIABLE_KINDS, `variable ${variable.name} type`)),
    ...variables.filter(({ type }) => type === "query").flatMap(unknownQuery),
    ...annotations
      .filter(({ builtIn }) => builtIn !== 1)
      .flatMap((query) => unknownIn(query.datasource, SOURCE, `annotation ${query.name} datasource`)),
  ];
}

function unknownQuery(variable: Variable): string[] {
  return unknownIn(variable.datasource, SOURCE, `variable ${variable.name} datasource`);
}
