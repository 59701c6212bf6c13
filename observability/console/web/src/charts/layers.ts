/** What a time series chart shows besides its curves: limits, exemplars, annotations. Coordinates are canvas pixels. */
import type uPlot from "uplot";
import type { ChartLink } from "./curves.ts";

export interface Limits {
  /** From each value on, its colour; the first one's value is -Infinity. Sorted. */
  steps: readonly { from: number; colour: string }[];
  /** Lines at the values, areas between them, or both. */
  lines?: "solid" | "dashed";
  isArea?: boolean;
}
/** One measured request of a curve, with the trace it belongs to. */
export interface ExemplarMark {
  at: number;
  value: number;
  title: string;
  details: readonly [string, string][];
  link?: ChartLink;
}
/** Something that happened at a time, or lasted until `until`, milliseconds. */
export interface Annotation {
  at: number;
  until?: number;
  title: string;
  details: readonly [string, string][];
  colour: string;
}
/** Where on the canvas a mark was drawn. */
export interface Placed<T> {
  x: number;
  y: number;
  mark: T;
}

/** Draw limits; lines with `isOver` above the curves, areas below them. */
export function drawLimits(u: uPlot, scale: string, limits: Limits, isOver: boolean): void {
  const { ctx } = u,
    { left, top, width, height } = u.bbox;
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  limits.steps.forEach(({ from, colour }, index) => {
    const upper = limits.steps[index + 1]?.from,
      y = Number.isFinite(from) ? u.valToPos(from, scale, true) : top + height;
    ctx.globalAlpha = 1;
    if (isOver && limits.lines && Number.isFinite(from)) {
      ctx.strokeStyle = colour;
      ctx.globalAlpha = 0.8;
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.setLineDash(limits.lines === "dashed" ? [8 * devicePixelRatio, 6 * devicePixelRatio] : []);
      ctx.beginPath();
      ctx.moveTo(left, y);
      ctx.lineTo(left + width, y);
      ctx.stroke();
    } else if (!isOver && limits.isArea) {
      const end = upper === undefined ? top : u.valToPos(upper, scale, true);
      ctx.fillStyle = colour;
      ctx.globalAlpha = 0.12;
      ctx.fillRect(left, end, width, y - end);
    }
  });
  ctx.restore();
}

/** Draw exemplars as diamonds. Of those within a few pixels of each other the one with the highest value stays. */
export function drawExemplars(
  u: uPlot,
  scale: string,
  marks: readonly ExemplarMark[],
  colour: string,
): Placed<ExemplarMark>[] {
  const { ctx } = u,
    { left, top, width, height } = u.bbox,
    size = 4 * devicePixelRatio,
    kept = new Map<string, Placed<ExemplarMark>>();
  for (const mark of marks) {
    const x = u.valToPos(mark.at, "x", true),
      y = u.valToPos(mark.value, scale, true);
    if (!(x >= left && x <= left + width && y >= top && y <= top + height)) continue;
    const cell = `${Math.round(x / size / 2)}:${Math.round(y / size / 2)}`,
      other = kept.get(cell);
    if (!other || other.mark.value < mark.value) kept.set(cell, { x, y, mark });
  }
  const placed = [...kept.values()];
  ctx.save();
  ctx.fillStyle = colour;
  ctx.globalAlpha = 0.75;
  for (const { x, y } of placed) {
    ctx.beginPath();
    ctx.moveTo(x, y - size);
    ctx.lineTo(x + size, y);
    ctx.lineTo(x, y + size);
    ctx.lineTo(x - size, y);
    ctx.fill();
  }
  ctx.restore();
  return placed;
}

/** Draw annotations: a dashed line with a mark at its foot, an area where one lasts. */
export function drawAnnotations(u: uPlot, marks: readonly Annotation[]): Placed<Annotation>[] {
  const { ctx } = u,
    { left, top, width, height } = u.bbox,
    foot = top + height,
    size = 5 * devicePixelRatio;
  const placed: Placed<Annotation>[] = [];
  ctx.save();
  for (const mark of marks) {
    const from = u.valToPos(mark.at, "x", true),
      until = mark.until === undefined ? from : u.valToPos(mark.until, "x", true);
    if (until < left || from > left + width) continue;
    const x = Math.max(left, from),
      end = Math.min(left + width, until);
    ctx.strokeStyle = ctx.fillStyle = mark.colour;
    if (end > x) {
      ctx.globalAlpha = 0.12;
      ctx.fillRect(x, top, end - x, height);
    }
    ctx.globalAlpha = 0.9;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    for (const edge of new Set([from, until])) {
      if (edge < left || edge > left + width) continue;
      ctx.beginPath();
      ctx.moveTo(edge, top);
      ctx.lineTo(edge, foot);
      ctx.stroke();
    }
    ctx.beginPath();
    ctx.moveTo(x - size, foot);
    ctx.lineTo(x + size, foot);
    ctx.lineTo(x, foot - 1.6 * size);
    ctx.fill();
    placed.push({ x, y: foot - size, mark });
  }
  ctx.restore();
  return placed;
}

/** The mark nearest to a point, within `reach` CSS pixels. */
export function nearest<T>(placed: readonly Placed<T>[], x: number, y: number, reach: number): Placed<T> | undefined {
  let found: Placed<T> | undefined,
    least = reach * devicePixelRatio;
  for (const one of placed) {
    const distance = Math.hypot(one.x - x, one.y - y);
    if (distance < least) [found, least] = [one, distance];
  }
  return found;
}
