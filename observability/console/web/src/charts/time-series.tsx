/** Curves over time, with legend, tooltip, limits, exemplars and annotations. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { type Range, stamp } from "../time.ts";
import { type Format, formatOf } from "../units.ts";
import { useCanvasColours } from "./canvas-colours.ts";
import { type Curve, type Drawn, heights, spanned } from "./curves.ts";
import {
  type Annotation,
  drawAnnotations,
  drawExemplars,
  drawLimits,
  type ExemplarMark,
  type Limits,
  nearest,
  type Placed,
} from "./layers.ts";
import { Legend, type LegendOptions } from "./legend.tsx";
import { type Axis, plotOptions } from "./plot-options.ts";
import { useSize } from "./size.ts";
import { Tip, type TipContent, type TipOptions } from "./tip.tsx";

export interface TimeSeriesProps {
  /** What the chart shows, for those who do not see it. */
  label: string;
  /** Milliseconds since the epoch. */
  times: readonly number[];
  curves: readonly Curve[];
  /** The time that the chart spans; milliseconds. */
  range: Range;
  /** Of curves and axes that have none. */
  format?: Format;
  /** One axis on the left where none is given. */
  axes?: readonly Axis[];
  /** CSS pixels, legend included; the whole height of its element where none is given. */
  height?: number;
  limits?: Limits;
  legend?: LegendOptions;
  tooltip?: TipOptions;
  exemplars?: readonly ExemplarMark[];
  annotations?: readonly Annotation[];
  /** Charts of one group show each other's cursor. */
  cursorGroup?: string;
  /** Whether the chart shows its tooltip at another chart's cursor, too. */
  sharesTooltip?: boolean;
  /** Names of curves shown alone; kept by the chart itself where `onOnly` is not given. */
  only?: readonly string[];
  onOnly?: (only: string[]) => void;
  /** What the legend is sorted by; kept by the chart itself where `onSort` is not given. */
  sort?: string;
  onSort?: (sort: string) => void;
  onZoom?: (range: Range) => void;
  onZoomOut?: () => void;
}

const SHORT = formatOf("short");
const NO_LEGEND: LegendOptions = { mode: "hidden" };
const NONE: readonly never[] = [];

export function TimeSeries(props: TimeSeriesProps) {
  const { curves, height, legend = NO_LEGEND, format = SHORT } = props;
  const [own, setOwn] = useState<string[]>([]),
    [ownSort, setOwnSort] = useState("");
  const only = (props.only ?? own).filter((name) => curves.some((curve) => curve.name === name));
  const shown = useMemo(
    () => (only.length === 0 ? curves : curves.filter(({ name }) => only.includes(name))),
    [curves, only.join("\n")],
  );
  return (
    <div
      class={`time-series ${legend.placement ?? "bottom"}`}
      style={height === undefined ? {} : { height: `${height}px` }}
    >
      <Plot {...props} format={format} curves={shown} />
      {legend.mode !== "hidden" && (
        <Legend
          curves={curves}
          format={format}
          options={legend}
          only={only}
          onOnly={props.onOnly ?? setOwn}
          sort={props.sort ?? ownSort}
          onSort={props.onSort ?? setOwnSort}
        />
      )}
    </div>
  );
}

/** What decides whether a plot has to be made anew; values alone do not. */
function shapeOf(curves: readonly Curve[], axes: readonly Axis[]): string {
  return JSON.stringify([curves.map(({ values: _, ...look }) => look), axes], (_, value: unknown) =>
    typeof value === "function" ? undefined : value,
  );
}

function dataOf(times: readonly number[], curves: readonly Curve[], axes: readonly Axis[]): uPlot.AlignedData {
  const logarithmic = new Set(
    axes.filter(({ log, linearBelow }) => log && linearBelow === undefined).map(({ key }) => key),
  );
  return [
    times,
    ...heights(curves).map((values, index) => {
      const { spanGaps, axis = axes[0]!.key } = curves[index]!;
      const drawable: Drawn = logarithmic.has(axis)
        ? values.map((value) => (typeof value === "number" && value <= 0 ? null : value))
        : values;
      return typeof spanGaps === "number" ? spanned(drawable, times, spanGaps) : drawable;
    }),
  ] as uPlot.AlignedData;
}

interface Cursor {
  x: number;
  y: number;
  index: number;
  isPinned: boolean;
  exemplar?: ExemplarMark;
  annotation?: Annotation;
  near?: number;
}
interface Marks {
  exemplars: Placed<ExemplarMark>[];
  annotations: Placed<Annotation>[];
}

function Plot(props: TimeSeriesProps & { format: Format }) {
  const { label, times, curves, range, format, cursorGroup, tooltip = { mode: "multi" } } = props;
  const axes = props.axes ?? [{ key: "y", format }];
  const holder = useRef<HTMLDivElement>(null),
    plot = useRef<uPlot>(),
    isNew = useRef(false),
    marks = useRef<Marks>({ exemplars: [], annotations: [] });
  const { width, height } = useSize(holder),
    colours = useCanvasColours(),
    isMeasured = width > 0 && height > 0;
  const [cursor, setCursor] = useState<Cursor>();
  const latest = useRef({ props, axes, cursor, setCursor });
  latest.current = { props, axes, cursor, setCursor };
  const shape = shapeOf(curves, axes),
    data = useMemo(() => dataOf(times, curves, axes), [times, curves, shape]);

  useEffect(() => {
    if (!isMeasured) return undefined;
    const made = new uPlot(
      plotOptions({
        width,
        height,
        curves,
        axes,
        colours,
        range: () => latest.current.props.range,
        ...(cursorGroup ? { cursorGroup } : {}),
        hooks: hooksOf(latest, marks, colours.accent),
        zoomOut: () => latest.current.props.onZoomOut?.(),
      }),
      data,
      holder.current!,
    );
    plot.current = made;
    isNew.current = true;
    return () => {
      made.destroy();
      plot.current = undefined;
      setCursor(undefined);
    };
  }, [isMeasured, shape, colours, cursorGroup]);
  // A new plot has all of this already, and would only draw itself again.
  useEffect(() => {
    if (!isNew.current) plot.current?.setData(data);
  }, [data, range.from, range.to]);
  useEffect(() => {
    if (!isNew.current) plot.current?.redraw(false);
  }, [props.exemplars, props.annotations, props.limits]);
  useEffect(() => {
    if (isMeasured && !isNew.current) plot.current?.setSize({ width, height });
  }, [width, height]);
  useEffect(() => {
    isNew.current = false;
  });

  const at = cursor && contentOf(props, cursor, tooltip);
  return (
    <div
      class={cursor?.exemplar || cursor?.annotation ? "plot pointing" : "plot"}
      ref={holder}
      tabIndex={0}
      role="group"
      aria-roledescription="chart"
      aria-label={`${label}: ${described(curves, format)}`}
      onClick={() => pin(cursor, setCursor)}
      onKeyDown={(event) => step(event, plot.current, times, setCursor, cursor)}
      onBlur={(event) => {
        if (!holder.current?.contains(event.relatedTarget as Node | null)) setCursor(undefined);
      }}
    >
      {cursor && at && (
        <Tip
          content={at}
          x={cursor.x}
          y={cursor.y}
          isPinned={cursor.isPinned}
          close={() => {
            setCursor(undefined);
            holder.current?.focus();
          }}
        />
      )}
    </div>
  );
}

/** The chart in words: its curves and their last values. */
function described(curves: readonly Curve[], format: Format): string {
  const words = curves.slice(0, 20).map(({ name, values, format: own = format }) => {
    let last = values.length - 1;
    while (last >= 0 && values[last] === null) last--;
    return `${name} ${last < 0 ? "no value" : own(values[last])}`;
  });
  return `${curves.length} curves${words.length > 0 ? `; last ${words.join(", ")}` : ""}`;
}

type Latest = {
  current: {
    props: TimeSeriesProps;
    axes: readonly Axis[];
    cursor: Cursor | undefined;
    setCursor: (cursor: Cursor | undefined) => void;
  };
};

function hooksOf(latest: Latest, marks: { current: Marks }, accent: string): uPlot.Hooks.Arrays {
  const scale = (): string => latest.current.axes[0]!.key;
  return {
    drawClear: [
      (u) => {
        const { limits } = latest.current.props;
        if (limits) drawLimits(u, scale(), limits, false);
      },
    ],
    draw: [
      (u) => {
        const { limits, exemplars = NONE, annotations = NONE } = latest.current.props;
        if (limits) drawLimits(u, scale(), limits, true);
        marks.current = {
          annotations: drawAnnotations(u, annotations),
          exemplars: drawExemplars(u, scale(), exemplars, accent),
        };
      },
    ],
    setCursor: [
      (u) => {
        const { cursor, setCursor } = latest.current;
        // Without an event it is the cursor of another plot.
        if (cursor?.isPinned || (!u.cursor.event && !latest.current.props.sharesTooltip)) return;
        setCursor(cursorAt(u, marks.current));
      },
    ],
    setSelect: [
      (u) => {
        const { left, width } = u.select;
        if (width < 4) return;
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        latest.current.props.onZoom?.({
          from: Math.round(u.posToVal(left, "x")),
          to: Math.round(u.posToVal(left + width, "x")),
        });
      },
    ],
  };
}

function cursorAt(u: uPlot, marks: Marks): Cursor | undefined {
  const { left = -1, top = -1, idx } = u.cursor;
  if (left < 0 || top < 0) return undefined;
  const box = u.over.getBoundingClientRect(),
    x = u.bbox.left + left * devicePixelRatio,
    y = u.bbox.top + top * devicePixelRatio;
  const exemplar = nearest(marks.exemplars, x, y, 8)?.mark,
    annotation = exemplar ? undefined : nearest(marks.annotations, x, y, 9)?.mark;
  if (idx === null || idx === undefined) {
    if (!exemplar && !annotation) return undefined;
  }
  const near = idx === null || idx === undefined ? undefined : nearestCurve(u, idx, y);
  return {
    x: box.left + left,
    y: box.top + top,
    index: idx ?? -1,
    isPinned: false,
    ...(exemplar ? { exemplar } : {}),
    ...(annotation ? { annotation } : {}),
    ...(near === undefined ? {} : { near }),
  };
}

/** The curve whose drawn value at an index is nearest to a height on the canvas. */
function nearestCurve(u: uPlot, index: number, y: number): number | undefined {
  let found: number | undefined,
    least = Infinity;
  for (let series = 1; series < u.series.length; series++) {
    const value = u.data[series]?.[index];
    if (typeof value !== "number") continue;
    const distance = Math.abs(u.valToPos(value, u.series[series]!.scale!, true) - y);
    if (distance < least) [found, least] = [series - 1, distance];
  }
  return found;
}

function contentOf(
  { times, curves, format = SHORT }: TimeSeriesProps,
  { index, near, exemplar, annotation }: Cursor,
  options: TipOptions,
): TipContent | undefined {
  const mark = exemplar ?? annotation;
  if (mark)
    return {
      title: mark.title,
      when: stamp(mark.at),
      details: mark.details,
      rows: [],
      links: exemplar?.link ? [exemplar.link] : [],
    };
  const at = times[index];
  if (at === undefined || options.mode === "none") return undefined;
  const rows = curves.flatMap((curve, position) => {
    const value = curve.values[index] ?? null,
      isNear = position === near;
    if (value === null || curve.isInTooltip === false || (options.mode === "single" && !isNear)) return [];
    return [{ name: curve.name, colour: curve.colour, value, text: (curve.format ?? format)(value), isNear }];
  });
  if (options.sort) rows.sort((a, b) => (options.sort === "descending" ? b.value - a.value : a.value - b.value));
  const nearCurve = near === undefined ? undefined : curves[near];
  return {
    when: stamp(at).replace(/\.000$/, ""),
    details: [],
    rows,
    links: nearCurve?.links?.(at, nearCurve.values[index] ?? null) ?? [],
  };
}

/** A click holds the tooltip, so that its links can be followed; the next one lets it go. */
function pin(cursor: Cursor | undefined, setCursor: (cursor: Cursor | undefined) => void): void {
  if (cursor) setCursor(cursor.isPinned ? undefined : { ...cursor, isPinned: true });
}

/** Arrow keys move the cursor over the values, Enter holds the tooltip, Escape lets it go. */
function step(
  event: KeyboardEvent,
  u: uPlot | undefined,
  times: readonly number[],
  setCursor: (cursor: Cursor | undefined) => void,
  cursor: Cursor | undefined,
): void {
  if (!u || event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  const last = times.length - 1,
    now = cursor?.index ?? last + 1;
  const next = { ArrowLeft: Math.max(0, now - 1), ArrowRight: Math.min(last, now + 1), Home: 0, End: last }[event.key];
  if (next !== undefined && last >= 0) {
    const left = u.valToPos(times[next]!, "x"),
      box = u.over.getBoundingClientRect();
    u.setCursor({ left, top: box.height / 3 }, false);
    setCursor({
      x: box.left + left,
      y: box.top + box.height / 3,
      index: next,
      isPinned: false,
      near: nearestCurve(u, next, u.bbox.top + u.bbox.height / 3) ?? 0,
    });
  } else if (event.key === "Enter" && cursor) setCursor({ ...cursor, isPinned: true });
  else if (event.key === "Escape" && cursor) setCursor(undefined);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
