/** How many values fell into each bucket over time, as colours. */
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, dateTime, type Range, stamp } from "../time.ts";
import type { Format } from "../units.ts";
import { useCanvasColours } from "./canvas-colours.ts";
import { useSize } from "./size.ts";
import { Tooltip } from "./tooltip.tsx";
import type { ExemplarMark } from "./layers.ts";

/** Values of a bucket; `name` is its upper bound. */
export interface Bucket {
  name: string;
  values: readonly (number | null)[];
}
export interface HeatmapProps {
  label: string;
  times: readonly number[];
  /** Lowest first. */
  buckets: readonly Bucket[];
  range: Range;
  /** A colour for a share of the greatest value, 0 to 1. */
  colour: (share: number) => string;
  /** Values at the ends of the scale of colours; the least and the greatest where not given. */
  min?: number;
  max?: number;
  format: Format;
  /** Values up to this are not drawn. */
  hideBelow?: number;
  gap?: number;
  showsScale?: boolean;
  hasTooltip?: boolean;
  exemplars?: readonly (ExemplarMark & { bucket: number })[];
  onZoom?: (range: Range) => void;
}
interface Cell {
  column: number;
  row: number;
  x: number;
  y: number;
  exemplar?: ExemplarMark;
}

const AXIS = { left: 62, bottom: 22, top: 6, right: 6 };

export function Heatmap(props: HeatmapProps) {
  const { label, times, buckets, range, format, showsScale = true, hasTooltip = true } = props;
  const holder = useRef<HTMLDivElement>(null),
    canvas = useRef<HTMLCanvasElement>(null),
    size = useSize(holder),
    colours = useCanvasColours();
  const [cell, setCell] = useState<Cell>(),
    drag = useRef<number>();
  const most = Math.max(0, ...buckets.flatMap(({ values }) => values.map((value) => value ?? 0))),
    ends = { min: props.min ?? 0, max: props.max ?? most };
  const step = times.length > 1 ? times[1]! - times[0]! : range.to - range.from;
  const area = {
    width: Math.max(1, size.width - AXIS.left - AXIS.right),
    height: Math.max(1, size.height - AXIS.top - AXIS.bottom),
  };
  const xOf = (at: number): number => AXIS.left + (area.width * (at - range.from)) / (range.to - range.from),
    rowHeight = area.height / Math.max(1, buckets.length);
  const timeAt = (x: number): number => range.from + ((range.to - range.from) * (x - AXIS.left)) / area.width;

  useEffect(() => {
    const element = canvas.current,
      context = element?.getContext("2d");
    if (!element || !context || size.width === 0) return;
    element.width = size.width * devicePixelRatio;
    element.height = size.height * devicePixelRatio;
    context.scale(devicePixelRatio, devicePixelRatio);
    drawCells(context, props, { xOf, rowHeight, step, ends, area });
    drawAxes(context, props, { xOf, rowHeight, area, text: colours.text });
  }, [times, buckets, range.from, range.to, size.width, size.height, colours, props.exemplars]);

  const move = (event: MouseEvent): void => {
    const box = canvas.current!.getBoundingClientRect(),
      x = event.clientX - box.left,
      y = event.clientY - box.top;
    const column = times.findIndex((at) => timeAt(x) > at - step && timeAt(x) <= at),
      row = Math.floor((AXIS.top + area.height - y) / rowHeight);
    const exemplar = props.exemplars?.find(
      ({ at, bucket }) => Math.hypot(xOf(at) - x, AXIS.top + area.height - (bucket + 0.5) * rowHeight - y) < 8,
    );
    setCell(
      column < 0 || row < 0 || row >= buckets.length
        ? undefined
        : { column, row, x: event.clientX, y: event.clientY, ...(exemplar ? { exemplar } : {}) },
    );
  };
  const release = (event: MouseEvent): void => {
    const box = canvas.current!.getBoundingClientRect(),
      from = drag.current,
      to = event.clientX - box.left;
    drag.current = undefined;
    if (from !== undefined && Math.abs(to - from) > 5)
      props.onZoom?.({ from: Math.round(timeAt(Math.min(from, to))), to: Math.round(timeAt(Math.max(from, to))) });
  };
  const key = (event: KeyboardEvent): void => {
    const now = cell ?? { column: times.length, row: 0 };
    const next = {
      ArrowLeft: [now.column - 1, now.row],
      ArrowRight: [now.column + 1, now.row],
      ArrowUp: [now.column, now.row + 1],
      ArrowDown: [now.column, now.row - 1],
    }[event.key];
    if (event.key === "Escape" && cell) setCell(undefined);
    else if (next) {
      const column = Math.min(times.length - 1, Math.max(0, next[0]!)),
        row = Math.min(buckets.length - 1, Math.max(0, next[1]!)),
        box = canvas.current!.getBoundingClientRect();
      setCell({
        column,
        row,
        x: box.left + xOf(times[column]!),
        y: box.top + AXIS.top + area.height - (row + 0.5) * rowHeight,
      });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const value = cell && (buckets[cell.row]?.values[cell.column] ?? null),
    link = cell?.exemplar?.link;
  return (
    <div class="heatmap">
      <div
        class={link ? "plot pointing" : "plot"}
        ref={holder}
        tabIndex={0}
        role="group"
        aria-roledescription="chart"
        aria-label={`${label}: ${buckets.length} buckets, at most ${format(most)}`}
        onKeyDown={key}
        onBlur={() => setCell(undefined)}
        onMouseMove={move}
        onMouseLeave={() => setCell(undefined)}
        onMouseDown={(event) => {
          drag.current = event.clientX - canvas.current!.getBoundingClientRect().left;
        }}
        onMouseUp={release}
      >
        <canvas ref={canvas} aria-hidden="true" />
        {link && (
          <a
            class="exemplar-link"
            href={link.href}
            style={{
              left: `${cell.x - (canvas.current?.getBoundingClientRect().left ?? 0) - 8}px`,
              top: `${cell.y - (canvas.current?.getBoundingClientRect().top ?? 0) - 8}px`,
            }}
            aria-label={link.title}
          />
        )}
        {hasTooltip && cell && (
          <Tooltip x={cell.x} y={cell.y}>
            <div class="when">{stamp(times[cell.column]!).replace(/\.000$/, "")}</div>
            <div>
              {cell.row > 0 ? `${buckets[cell.row - 1]!.name} to ` : "up to "}
              {buckets[cell.row]!.name}: <b>{value === null ? "no value" : format(value)}</b>
            </div>
            {cell.exemplar && <div class="faint">{cell.exemplar.title}; click to open</div>}
          </Tooltip>
        )}
      </div>
      {showsScale && (
        <div class="colour-scale" aria-hidden="true">
          <span>{format(ends.min)}</span>
          <i
            style={{ background: `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1].map(props.colour).join(", ")})` }}
          />
          <span>{format(ends.max)}</span>
        </div>
      )}
    </div>
  );
}

interface Drawing {
  xOf: (at: number) => number;
  rowHeight: number;
  area: { width: number; height: number };
}

function drawCells(
  context: CanvasRenderingContext2D,
  { times, buckets, colour, hideBelow = 0, gap = 1, exemplars = [] }: HeatmapProps,
  { xOf, rowHeight, step, ends, area }: Drawing & { step: number; ends: { min: number; max: number } },
): void {
  context.save();
  context.beginPath();
  context.rect(AXIS.left, AXIS.top, area.width, area.height);
  context.clip();
  buckets.forEach(({ values }, row) =>
    values.forEach((value, column) => {
      if (value === null || value <= hideBelow) return;
      const left = xOf(times[column]! - step),
        right = xOf(times[column]!),
        top = AXIS.top + area.height - (row + 1) * rowHeight;
      context.fillStyle = colour(ends.max > ends.min ? (value - ends.min) / (ends.max - ends.min) : 1);
      context.fillRect(left, top, Math.max(1, right - left - gap), Math.max(1, rowHeight - gap));
    }),
  );
  context.fillStyle = "#6ea8fe";
  for (const { at, bucket } of exemplars) {
    const x = xOf(at),
      y = AXIS.top + area.height - (bucket + 0.5) * rowHeight;
    context.beginPath();
    context.moveTo(x, y - 4);
    context.lineTo(x + 4, y);
    context.lineTo(x, y + 4);
    context.lineTo(x - 4, y);
    context.fill();
  }
  context.restore();
}

function drawAxes(
  context: CanvasRenderingContext2D,
  { buckets, range }: HeatmapProps,
  { xOf, rowHeight, area, text }: Drawing & { text: string },
): void {
  context.fillStyle = text;
  context.font = '11px system-ui, "DejaVu Sans", sans-serif';
  context.textAlign = "right";
  context.textBaseline = "middle";
  const every = Math.max(1, Math.ceil(14 / rowHeight));
  buckets.forEach(({ name }, row) => {
    if (row % every === 0)
      context.fillText(name.slice(0, 10), AXIS.left - 6, AXIS.top + area.height - (row + 0.5) * rowHeight);
  });
  context.textAlign = "center";
  const count = Math.max(2, Math.floor(area.width / 90)),
    isLong = range.to - range.from > 86400e3;
  for (let index = 1; index < count; index++) {
    const at = range.from + ((range.to - range.from) * index) / count;
    context.fillText(
      isLong ? dateTime(at).slice(5, 16) : clock(at).slice(0, range.to - range.from < 600e3 ? 8 : 5),
      xOf(at),
      AXIS.top + area.height + 12,
    );
  }
}
