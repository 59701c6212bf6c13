/** A trace in figures, by service and by operation. Times are microseconds. */
import { selfTimes } from "./self-time.ts";
import { add, type Span, type Trace } from "./trace.ts";

export interface Statistic {
  service: string;
  /** Undefined where the figures are those of a whole service. */
  operation: string | undefined;
  count: number;
  failed: number;
  /** Sum of durations; spans in each other count each. */
  total: number;
  self: number;
  /** Share of the self time of all spans. */
  share: number;
  average: number;
  least: number;
  most: number;
}

/** The figures of each service, and of each operation. */
export function statistics(trace: Trace): { services: Statistic[]; operations: Statistic[] } {
  const selfs = selfTimes(trace);
  const all = selfs.reduce((sum, one) => sum + one, 0);
  const services = new Map<string, Span[]>();
  const operations = new Map<string, Span[]>();
  for (const span of trace.spans) {
    add(services, span.service, span);
    add(operations, JSON.stringify([span.service, span.name]), span);
  }
  return {
    services: [...services.values()].map((spans) => ({ ...figures(spans, selfs, all), operation: undefined })),
    operations: [...operations.values()].map((spans) => ({ ...figures(spans, selfs, all), operation: spans[0]!.name })),
  };
}

function figures(spans: readonly Span[], selfs: readonly number[], all: number): Omit<Statistic, "operation"> {
  let total = 0,
    self = 0,
    least = Infinity,
    most = 0;
  for (const { duration, index } of spans) {
    total += duration;
    self += selfs[index]!;
    least = Math.min(least, duration);
    most = Math.max(most, duration);
  }
  const failed = spans.filter(({ isFailed }) => isFailed).length;
  return {
    service: spans[0]!.service,
    count: spans.length,
    failed,
    total,
    self,
    share: all > 0 ? self / all : 0,
    average: total / spans.length,
    least,
    most,
  };
}
