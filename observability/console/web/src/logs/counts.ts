/** Counts of lines by level. */
import type { Series } from "../stores/prometheus.ts";
import type { Range } from "../time.ts";
import { type Level, levelOf } from "./line.ts";

export interface Counts {
  /** Milliseconds; each stands for the step that ends there. */
  times: number[];
  counts: Map<Level, (number | null)[]>;
}

/** The ends of the first and the last step that a range touches: counts at these cover it. */
export const stepsOf = ({ from, to }: Range, step: number): Range => ({
  from: Math.floor(from / step) * step + step,
  to: Math.ceil(to / step) * step,
});

/** Counts of the steps of a range, null where there were no lines. */
export function countsByLevel(series: readonly Series[], range: Range, step: number): Counts {
  const { from: first, to: last } = stepsOf(range, step);
  const times = Array.from(
    { length: Math.max(0, Math.round((last - first) / step) + 1) },
    (_, at) => first + at * step,
  );
  const counts = new Map<Level, (number | null)[]>();
  for (const { metric, values } of series) {
    const level = levelOf(metric.severity_text ?? "");
    const row = counts.get(level) ?? times.map(() => null);
    counts.set(level, row);
    for (const [seconds, count] of values) {
      const at = Math.round((seconds * 1e3 - first) / step);
      if (at >= 0 && at < row.length) row[at] = (row[at] ?? 0) + Number(count);
    }
  }
  return { times, counts };
}

/** Lines of each level in all. */
export function totals(series: readonly Series[]): Map<Level, number> {
  const sums = new Map<Level, number>();
  for (const { metric, values } of series) {
    const level = levelOf(metric.severity_text ?? "");
    sums.set(
      level,
      values.reduce((sum, [, count]) => sum + Number(count), sums.get(level) ?? 0),
    );
  }
  return sums;
}
