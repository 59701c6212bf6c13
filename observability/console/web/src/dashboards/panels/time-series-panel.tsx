/** A panel of curves over time. */
import { useMemo } from "preact/hooks";
import type { ChartLink, Curve } from "../../charts/curves.ts";
import type { ExemplarMark, Limits } from "../../charts/layers.ts";
import type { LegendOptions } from "../../charts/legend.tsx";
import type { Axis } from "../../charts/plot-options.ts";
import { TimeSeries } from "../../charts/time-series.tsx";
import type { TipOptions } from "../../charts/tip.tsx";
import { go, href } from "../../router.ts";
import type { Exemplar } from "../../stores/prometheus.ts";
import { formatOf, isBinaryUnit } from "../../units.ts";
import { shiftRange } from "../../components/time-range.tsx";
import { type ShownField, shownFields, thresholdSteps } from "../fields.ts";
import { aligned } from "../frames.ts";
import { dataLinks } from "../links.ts";
import type { Panel } from "../json.ts";
import { useView } from "../view.ts";
import type { PanelProps } from "./panel-props.ts";

/** Options of curves, as the JSON has them. */
interface Custom {
  drawStyle?: Curve["style"];
  lineInterpolation?: Curve["interpolation"];
  lineWidth?: number;
  lineStyle?: { fill?: string; dash?: number[] };
  fillOpacity?: number;
  gradientMode?: Curve["gradient"];
  showPoints?: Curve["points"];
  pointSize?: number;
  spanNulls?: boolean | number;
  stacking?: { mode?: string; group?: string };
  hideFrom?: { legend?: boolean; tooltip?: boolean; viz?: boolean };
  thresholdsStyle?: { mode?: string };
  axisPlacement?: string;
  axisLabel?: string;
  axisGridShow?: boolean;
  axisSoftMin?: number;
  axisSoftMax?: number;
  scaleDistribution?: { type?: string; log?: 2 | 10; linearThreshold?: number };
}

export function TimeSeriesPanel({ panelKey, panel, title, data, scope }: PanelProps) {
  const { timing, annotations, dashboard, place } = useView(),
    { from, to } = timing;
  const drawn = useMemo(() => {
    const frames = data.frames.filter(({ fields }) => fields.some(({ kind }) => kind === "time"));
    const shown = shownFields(panel, frames, scope, ["time", "string"]),
      { times, fields } = aligned(frames);
    const visible = shown
      .map((field, index) => ({ field, values: fields[index]!.values }))
      .filter(({ field }) => !custom(field).hideFrom?.viz);
    const axes = axesOf(visible.map(({ field }) => field));
    const curves = visible.map(({ field, values }, index): Curve =>
      curveOf(field, values, axes.keys[index]!, (at, value) => linksOf(field, at, value)),
    );
    return { times, curves, axes: axes.axes, limits: limitsOf(panel, visible[0]?.field) };
  }, [data, panel, scope, from, to]);
  function linksOf(field: ShownField, at: number, value: number | null): ChartLink[] {
    return dataLinks(field.config.links ?? [], { shown: field, value, at }, scope, { from, to });
  }
  const marks = useMemo(
    () => data.exemplars.map(exemplarMark(drawn.curves[0]?.format ?? formatOf("short"))),
    [data.exemplars, drawn],
  );
  const only = place.query.getAll(`only-${panelKey}`);
  return (
    <TimeSeries
      label={title}
      {...drawn}
      range={data.range}
      legend={legendOf(panel)}
      tooltip={tooltipOf(panel)}
      exemplars={marks}
      annotations={annotations}
      only={only}
      onOnly={(names) => go({ [`only-${panelKey}`]: names }, { replace: true })}
      sort={place.query.get(`sort-${panelKey}`) ?? ""}
      onSort={(sort) => go({ [`sort-${panelKey}`]: sort || undefined }, { replace: true })}
      onZoom={(range) => go({ from: range.from, to: range.to })}
      onZoomOut={() => shiftRange(timing.range, "out")}
      {...(dashboard.graphTooltip ? { cursorGroup: dashboard.uid, sharesTooltip: dashboard.graphTooltip === 2 } : {})}
    />
  );
}

const custom = (field: ShownField): Custom => field.custom as Custom;

function curveOf(
  field: ShownField,
  values: (number | null)[],
  axis: string,
  links: NonNullable<Curve["links"]>,
): Curve {
  const {
    drawStyle,
    lineInterpolation,
    lineWidth,
    lineStyle,
    fillOpacity,
    gradientMode,
    showPoints,
    pointSize,
    spanNulls,
    stacking,
    hideFrom,
  } = custom(field);
  const dash =
    lineStyle?.fill === "dash"
      ? (lineStyle.dash ?? [10, 10])
      : lineStyle?.fill === "dot"
        ? (lineStyle.dash ?? [0, 10])
        : undefined;
  const mode = stacking?.mode ?? "none";
  return {
    name: field.name,
    colour: field.colour,
    values,
    format: (value) => {
      const { prefix, text, suffix } = field.display(value ?? null);
      return prefix + text + suffix;
    },
    axis,
    links,
    ...defined({
      style: drawStyle,
      interpolation: lineInterpolation,
      width: lineWidth,
      gradient: gradientMode,
      points: showPoints,
      pointSize,
      spanGaps: spanNulls,
      dash,
    }),
    ...(fillOpacity ? { fill: fillOpacity / 100 } : {}),
    ...(mode === "none" ? {} : { stack: `${mode === "percent" ? "%" : ""}${axis} ${stacking?.group ?? "A"}` }),
    isInLegend: !hideFrom?.legend,
    isInTooltip: !hideFrom?.tooltip,
  };
}

/** The members that are there. */
function defined<T extends object>(members: T): { [Name in keyof T]?: NonNullable<T[Name]> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== null)) as {
    [Name in keyof T]?: NonNullable<T[Name]>;
  };
}

/** An axis for each unit and scale; the first on the left, those of other units on the right, as Grafana has them. */
function axesOf(fields: readonly ShownField[]): { axes: Axis[]; keys: string[] } {
  const axes: Axis[] = [];
  const keys = fields.map((field) => {
    const { unit, min, max, decimals } = field.config,
      {
        axisPlacement = "auto",
        axisLabel,
        axisGridShow,
        axisSoftMin,
        axisSoftMax,
        scaleDistribution,
        stacking,
      } = custom(field);
    const isShares = stacking?.mode === "percent",
      { type, log, linearThreshold } = scaleDistribution ?? {};
    const key = JSON.stringify([
      isShares ? "%" : (unit ?? ""),
      min,
      max,
      axisPlacement,
      axisLabel,
      axisSoftMin,
      axisSoftMax,
      type,
      log,
    ]);
    if (!axes.some((axis) => axis.key === key)) {
      const side =
        axisPlacement === "auto"
          ? axes.length === 0
            ? "left"
            : "right"
          : (axisPlacement as NonNullable<Axis["side"]>);
      axes.push({
        key,
        side,
        format: formatOf(isShares ? "percentunit" : unit, isShares ? undefined : (decimals ?? undefined)),
        isGridHidden: axisGridShow === false,
        isBinary: !isShares && isBinaryUnit(unit),
        ...defined({
          min: isShares ? 0 : min,
          max: isShares ? 1 : max,
          softMin: axisSoftMin,
          softMax: axisSoftMax,
          label: axisLabel || undefined,
        }),
        ...(type === "log" || type === "symlog" ? { log: log ?? 2 } : {}),
        ...(type === "symlog" ? { linearBelow: linearThreshold ?? 1 } : {}),
      });
    }
    return key;
  });
  return { axes: axes.length > 0 ? axes : [{ key: "y", format: formatOf(undefined) }], keys };
}

function limitsOf(panel: Panel, first: ShownField | undefined): Limits {
  const { thresholds } = panel.fieldConfig?.defaults ?? {},
    { thresholdsStyle } = (panel.fieldConfig?.defaults?.custom ?? {}) as Custom,
    mode = thresholdsStyle?.mode ?? "off";
  if (mode === "off" || !thresholds) return { steps: [] };
  return {
    steps: thresholdSteps(thresholds, first?.min ?? 0, first?.max ?? 100),
    isArea: mode.includes("area"),
    ...(mode.startsWith("dashed")
      ? { lines: "dashed" as const }
      : mode.startsWith("line")
        ? { lines: "solid" as const }
        : {}),
  };
}

function legendOf(panel: Panel): LegendOptions {
  const {
    showLegend = true,
    displayMode = "list",
    placement = "bottom",
    calcs = [],
  } = (panel.options?.legend ?? {}) as {
    showLegend?: boolean;
    displayMode?: LegendOptions["mode"];
    placement?: "bottom" | "right";
    calcs?: string[];
  };
  return { mode: showLegend ? displayMode : "hidden", placement, calculations: calcs };
}

function tooltipOf(panel: Panel): TipOptions {
  const { mode = "single", sort = "none" } = (panel.options?.tooltip ?? {}) as {
    mode?: TipOptions["mode"];
    sort?: string;
  };
  return {
    mode,
    ...(sort === "asc" ? { sort: "ascending" as const } : sort === "desc" ? { sort: "descending" as const } : {}),
  };
}

const TRACE_LABELS = ["trace_id", "traceID", "traceId"];
const SPAN_LABELS = ["span_id", "spanID", "spanId"];
const labelOf = (labels: Record<string, string>, names: readonly string[]): string | undefined =>
  names.map((name) => labels[name]).find(Boolean);

/** An exemplar as a mark with a link to its trace. */
export const exemplarMark =
  (format: (value: number) => string) =>
  ({ at, value, labels, series }: Exemplar): ExemplarMark => {
    const trace = labelOf(labels, TRACE_LABELS),
      span = labelOf(labels, SPAN_LABELS),
      details = Object.entries({ ...series, ...labels }).filter(([name]) => name !== "__name__");
    const isTrace = trace !== undefined && /^[0-9a-f]{32}$/.test(trace);
    return {
      at,
      value,
      title: `Exemplar: ${format(value)}`,
      details: details.slice(0, 12),
      ...(isTrace
        ? {
            link: {
              title: `Trace ${trace.slice(0, 8)}`,
              href: href({ path: `/trace/${trace}`, keepTime: false, span }),
            },
          }
        : {}),
    };
  };
