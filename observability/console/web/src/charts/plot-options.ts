/** A time series chart as uPlot is told of it. */
import uPlot from "uplot";
import { preferences } from "../preferences.ts";
import { clock, dateTime, type Range } from "../time.ts";
import { axisTexts, type Format } from "../units.ts";
import type { CanvasColours } from "./canvas-colours.ts";
import { bands, type Curve, lonely } from "./curves.ts";

export interface Axis {
  key: string;
  format: Format;
  side?: "left" | "right" | "hidden";
  label?: string;
  /** Fixed ends of the axis. */
  min?: number;
  max?: number;
  /** Ends that values may exceed. */
  softMin?: number;
  softMax?: number;
  /** Base of a logarithmic axis; values that are not above zero are left out. */
  log?: 2 | 10;
  /** A logarithmic axis that is linear below this value, and goes below zero. */
  linearBelow?: number;
  isGridHidden?: boolean;
  /** Whether marks stand at powers of two, as for bytes. */
  isBinary?: boolean;
}

const FONT = '11px system-ui, "DejaVu Sans", sans-serif';
const DAY = 86400e3;
const BINARY_STEPS = Array.from({ length: 60 }, (_, power) => 2 ** power);

/** The ends of an axis, as Grafana chooses them: 10 % room, zero where it is near. */
export function axisRange(
  { min, max, softMin, softMax, log, linearBelow }: Axis,
  least: number | null,
  most: number | null,
): [number, number] {
  if (least === null || most === null) return [min ?? softMin ?? (log ? 1 : 0), max ?? softMax ?? (log ? 100 : 1)];
  const low = min ?? least,
    high = max ?? most;
  if (low === 0 && high === 0 && !log) return [0, Math.max(1, softMax ?? 0)];
  const ends =
    log && linearBelow === undefined
      ? uPlot.rangeLog(low, high, log, true)
      : uPlot.rangeNum(low, high, {
          min: { pad: 0.1, soft: softMin ?? 0, mode: softMin === undefined ? 3 : 1 },
          max: { pad: 0.1, soft: softMax ?? 0, mode: softMax === undefined ? 3 : 1 },
        });
  const bottom = min ?? ends[0] ?? 0,
    top = max ?? ends[1] ?? 1;
  return bottom < top ? [bottom, top] : [bottom, bottom + 1];
}

function scaleOf(axis: Axis): uPlot.Scale {
  const distribution: uPlot.Scale =
    axis.linearBelow !== undefined
      ? { distr: 4, asinh: axis.linearBelow }
      : axis.log
        ? { distr: 3, log: axis.log }
        : {};
  return { ...distribution, auto: true, range: (_, least, most) => axisRange(axis, least, most) };
}

/** Texts of the time axis: seconds or minutes by its steps, dates where it spans days. */
function timeTexts(marks: readonly number[], step: number, range: Range): string[] {
  return marks.map((at) => {
    const date = dateTime(at).slice(5, 10);
    if (step >= DAY) return date;
    const time = step < 60e3 ? clock(at) : clock(at).slice(0, 5);
    return range.to - range.from > DAY ? `${date} ${time}` : time;
  });
}

function axesOf(axes: readonly Axis[], colours: CanvasColours, range: () => Range): uPlot.Axis[] {
  const common: uPlot.Axis = {
    stroke: colours.text,
    font: FONT,
    ticks: { show: false },
    grid: { stroke: colours.line, width: 1 },
  };
  const widest = (u: uPlot, texts: string[] | null): number => {
    u.ctx.font = FONT;
    return texts ? Math.ceil(Math.max(0, ...texts.map((text) => u.ctx.measureText(text ?? "").width))) + 14 : 44;
  };
  return [
    {
      ...common,
      size: 22,
      gap: 4,
      space: range().to - range().from > DAY ? 90 : 60,
      values: (_, marks, _axis, _space, step) => timeTexts(marks, step, range()),
    },
    ...axes.map((axis, index): uPlot.Axis => ({
      ...common,
      scale: axis.key,
      side: axis.side === "right" ? 1 : 3,
      show: axis.side !== "hidden",
      gap: 4,
      space: 28,
      size: widest,
      grid: { stroke: colours.line, width: 1, show: index === 0 && !axis.isGridHidden },
      ...(axis.isBinary ? { incrs: BINARY_STEPS } : {}),
      ...(axis.label ? { label: axis.label, labelFont: FONT, labelSize: 18 } : {}),
      values: (_, marks) =>
        axis.log ? marks.map((mark) => (mark === null ? "" : axis.format(mark))) : axisTexts(marks, axis.format),
    })),
  ];
}

function pathsOf({ style = "line", interpolation = "linear" }: Curve): uPlot.Series.PathBuilder {
  const { bars, stepped, spline, linear } = uPlot.paths;
  if (style === "bars") return bars!({ size: [0.85, 100] });
  if (style === "points") return () => null;
  if (interpolation === "smooth") return spline!();
  return interpolation === "linear" ? linear!() : stepped!({ align: interpolation === "stepAfter" ? 1 : -1 });
}

/** A colour with an opacity, 0 to 1. */
export const faded = (colour: string, opacity: number): string =>
  /^#[0-9a-f]{6}$/i.test(colour)
    ? colour +
      Math.round(255 * opacity)
        .toString(16)
        .padStart(2, "0")
    : `color-mix(in srgb, ${colour} ${Math.round(100 * opacity)}%, transparent)`;

function fillOf({ colour, fill = 0, gradient = "none" }: Curve): uPlot.Series.Fill | undefined {
  if (fill === 0) return undefined;
  if (gradient === "none") return faded(colour, fill);
  return (u) => {
    const { top, height } = u.bbox;
    if (!Number.isFinite(top) || !(height > 0)) return faded(colour, fill);
    const made = u.ctx.createLinearGradient(0, top, 0, top + height);
    made.addColorStop(0, faded(colour, fill));
    made.addColorStop(1, faded(colour, gradient === "opacity" ? 0 : fill / 4));
    return made;
  };
}

function seriesOf(curve: Curve, firstAxis: string): uPlot.Series {
  const {
      name,
      colour,
      style = "line",
      width = 1,
      dash,
      points = "auto",
      pointSize = 5,
      spanGaps = false,
      axis = firstAxis,
    } = curve,
    fill = fillOf(curve);
  const show =
    style === "points" || points === "always" ? true : points === "never" || style === "bars" ? false : undefined;
  return {
    label: name,
    scale: axis,
    stroke: colour,
    width: style === "points" ? 0 : width,
    spanGaps: spanGaps === true,
    paths: pathsOf(curve),
    ...(fill ? { fill } : {}),
    ...(dash ? { dash: [...dash] } : {}),
    points: {
      size: pointSize,
      fill: colour,
      ...(show === undefined ? {} : { show }),
      ...(show
        ? {}
        : { filter: (u, index, isShown) => (isShown ? null : style === "bars" ? [] : lonely(u.data[index]!)) }),
    },
  };
}

export interface PlotSettings {
  width: number;
  height: number;
  curves: readonly Curve[];
  axes: readonly Axis[];
  colours: CanvasColours;
  /** Read whenever the plot is drawn. */
  range: () => Range;
  /** Plots of one group show each other's cursor. */
  cursorGroup?: string;
  hooks: uPlot.Hooks.Arrays;
  zoomOut?: () => void;
}

export function plotOptions({
  width,
  height,
  curves,
  axes,
  colours,
  range,
  cursorGroup,
  hooks,
  zoomOut,
}: PlotSettings): uPlot.Options {
  const firstAxis = axes[0]!.key;
  return {
    width,
    height,
    ms: 1,
    padding: [8, 8, 0, axes.some(({ side = "left" }) => side === "left") ? 0 : 8],
    legend: { show: false },
    hooks,
    ...(preferences().zone === "utc" ? { tzDate: (at) => uPlot.tzDate(new Date(at), "Etc/UTC") } : {}),
    cursor: {
      drag: { x: true, y: false, setScale: false, dist: 4 },
      points: { size: 7, width: 1.5, one: false },
      bind: {
        dblclick: () => () => {
          zoomOut?.();
          return null;
        },
      },
      // Drags are not shared: every plot of the group would zoom.
      ...(cursorGroup
        ? {
            sync: {
              key: cursorGroup,
              setSeries: false,
              scales: ["x", null],
              filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
            },
          }
        : {}),
    },
    scales: {
      x: {
        time: true,
        range: () => {
          const { from, to } = range();
          return [from, to];
        },
      },
      ...Object.fromEntries(axes.map((axis) => [axis.key, scaleOf(axis)])),
    },
    axes: axesOf(axes, colours, range),
    series: [{}, ...curves.map((curve) => seriesOf(curve, firstAxis))],
    bands: bands(curves).map(([upper, lower]) => ({ series: [upper + 1, lower + 1] })),
  };
}
