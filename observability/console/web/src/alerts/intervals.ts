/** When alerts fired: from Prometheus' series ALERTS. */
import type { Labels, Series } from "../stores/prometheus.ts";
import type { Range } from "../time.ts";
import { labelSet } from "./active.ts";

export interface Interval extends Range { state: "pending" | "firing"; isOpen: boolean }
export interface AlertHistory { name: string; labels: Labels; intervals: Interval[]; firingMilliseconds: number }

/** Asks for all of a step at once, so that what lasts shorter than a step is seen. */
export function historyQuery(step: number, alert?: string): string {
  const matcher = alert ? `{alertname=${JSON.stringify(alert)}}` : "";
  return `max_over_time(ALERTS${matcher}[${step / 1e3}s])`;
}

/**
 * Each alert's intervals, oldest first, from an answer to `historyQuery`. A value at t says that the alert was in the
 * state between t - step and t, so that starts and ends are known to a step.
 *
 * Args: range and step, as asked with; milliseconds.
 */
export function histories(series: readonly Series[], range: Range, step: number): AlertHistory[] {
  const found = new Map<string, AlertHistory>();
  for (const { metric, values } of series) {
    const { __name__: _metric, alertstate, ...labels } = metric;
    if (alertstate !== "firing" && alertstate !== "pending") continue;
    const key = labelSet(labels);
    const history = found.get(key) ?? { name: labels.alertname ?? "", labels, intervals: [], firingMilliseconds: 0 };
    history.intervals.push(...intervals(values.map(([at]) => at * 1e3), alertstate, range, step));
    found.set(key, history);
  }
  for (const history of found.values()) {
    history.intervals = withoutOverlap(history.intervals);
    history.firingMilliseconds = history.intervals.reduce((sum, { state, from, to }) => sum + (state === "firing" ? to - from : 0), 0);
  }
  return [...found.values()].sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : start(a) - start(b));
}

const start = ({ intervals: [first] }: AlertHistory): number => first?.from ?? Infinity;

function intervals(times: readonly number[], state: Interval["state"], range: Range, step: number): Interval[] {
  const found: Interval[] = [], last = Math.floor(range.to / step) * step;
  for (const at of times) {
    const current = found.at(-1);
    if (current && at - current.to < 1.5 * step) current.to = at;
    else found.push({ state, from: Math.max(range.from, at - step), to: at, isOpen: false });
  }
  for (const interval of found) if (interval.to >= last) [interval.to, interval.isOpen] = [range.to, true];
  return found.filter(({ from, to }) => to > from);
}

/** Within a step an alert may have been both pending and firing: it counts as firing. */
function withoutOverlap(all: readonly Interval[]): Interval[] {
  const firing = all.filter(({ state }) => state === "firing"), pending = all.filter(({ state }) => state === "pending");
  const left = pending.flatMap((one) => firing.reduce<Interval[]>((parts, { from, to }) => parts.flatMap((part) => {
    if (to <= part.from || from >= part.to) return [part];
    return [{ ...part, to: from, isOpen: false }, { ...part, from: to }].filter((rest) => rest.to > rest.from);
  }), [one]));
  return [...firing, ...left].sort((a, b) => a.from - b.from);
}
