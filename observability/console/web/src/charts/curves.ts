/** What a time series chart draws, and how it is prepared for drawing. */
import type { Format } from "../units.ts";

/** A link of a value. */
export interface ChartLink {
  title: string;
  href: string;
  isNewTab?: boolean;
}

export interface Curve {
  name: string;
  colour: string;
  /** One for each of the chart's times; null where there is none. */
  values: readonly (number | null)[];
  /** The chart's own where there is none. */
  format?: Format;
  style?: "line" | "bars" | "points";
  interpolation?: "linear" | "smooth" | "stepBefore" | "stepAfter";
  /** Of the line, pixels. */
  width?: number;
  /** Lengths of strokes and gaps, pixels. */
  dash?: readonly number[];
  /** Opacity of the area below, 0 to 1. */
  fill?: number;
  gradient?: "none" | "opacity" | "hue";
  points?: "auto" | "always" | "never";
  /** Pixels across. */
  pointSize?: number;
  /** Whether gaps are drawn through: all, or those shorter than this many milliseconds. */
  spanGaps?: boolean | number;
  /** Curves of one stack lie on one another; `%` in front shows shares of their sum. */
  stack?: string;
  /** The key of its axis; the first where there is none. */
  axis?: string;
  /** What the tooltip offers at a time, milliseconds. */
  links?: (at: number, value: number | null) => readonly ChartLink[];
  isInLegend?: boolean;
  isInTooltip?: boolean;
}

/** Values as they are drawn: undefined where a gap is drawn through. */
export type Drawn = (number | null | undefined)[];

/**
 * The heights at which curves are drawn: each on those of its stack before it. A curve without a value where others of
 * its stack have one counts as zero there.
 */
export function heights(curves: readonly Curve[]): Drawn[] {
  const sums = new Map<string, (number | null)[]>(),
    totals = new Map<string, number[]>();
  for (const { stack, values } of curves) {
    if (!stack?.startsWith("%")) continue;
    const total = totals.get(stack) ?? values.map(() => 0);
    values.forEach((value, index) => {
      total[index] = (total[index] ?? 0) + (value ?? 0);
    });
    totals.set(stack, total);
  }
  const anyOf = new Map<string, boolean[]>();
  for (const { stack, values } of curves) {
    if (!stack) continue;
    const any = anyOf.get(stack) ?? values.map(() => false);
    values.forEach((value, index) => {
      if (value !== null) any[index] = true;
    });
    anyOf.set(stack, any);
  }
  return curves.map(({ stack, values }) => {
    if (!stack) return [...values];
    const below = sums.get(stack),
      total = totals.get(stack),
      any = anyOf.get(stack)!;
    const on = values.map((value, index) => {
      if (!any[index]) return null;
      const own = total ? (total[index] ? (value ?? 0) / total[index]! : 0) : (value ?? 0);
      return (below?.[index] ?? 0) + own;
    });
    sums.set(stack, on);
    return on;
  });
}

/** Pairs of curves, upper and lower, between which a stack is filled; indices of `curves`. */
export function bands(curves: readonly Curve[]): [upper: number, lower: number][] {
  const last = new Map<string, number>(),
    found: [number, number][] = [];
  curves.forEach(({ stack }, index) => {
    if (!stack) return;
    const lower = last.get(stack);
    if (lower !== undefined) found.push([index, lower]);
    last.set(stack, index);
  });
  return found;
}

/** The values with gaps shorter than `longest` milliseconds left out, so that the line goes through them. */
export function spanned(values: Drawn, times: readonly number[], longest: number): Drawn {
  const found = [...values];
  let before = -1;
  for (let index = 0; index < found.length; index++) {
    if (found[index] === null || found[index] === undefined) continue;
    if (before >= 0 && index - before > 1 && times[index]! - times[before]! < longest)
      found.fill(undefined, before + 1, index);
    before = index;
  }
  return found;
}

/** Where a value stands alone between gaps, which a line would not show. */
export function lonely(values: ArrayLike<number | null | undefined>): number[] {
  const found: number[] = [];
  let before = -1,
    run = 0;
  const close = (): void => {
    if (run === 1) found.push(before);
    run = 0;
  };
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    if (value === null) close();
    else if (value !== undefined) {
      before = index;
      run++;
    }
  }
  close();
  return found;
}
