/** The newest errors: lines that are errors, one entry for each trace. */
import { traceOf } from "../logs/line.ts";
import { ALL } from "../logs/logql.ts";
import type { Line } from "../stores/loki.ts";

/** Lines of the levels error and above, of every service. */
export const ERROR_LINES = `${ALL} | severity_number >= 17`;

export interface TraceErrors {
  /** Undefined of a line that was written outside of any trace. */
  trace: { trace: string; span: string | undefined } | undefined;
  /** The oldest line of the trace: the nearest to its cause. */
  first: Line;
  /** When the newest one was written; milliseconds. */
  at: number;
  services: string[];
  count: number;
}

/** Entries, the newest first. A line that is in no trace is an entry of its own. */
export function newestErrors(lines: readonly Line[]): TraceErrors[] {
  const found = new Map<string, TraceErrors>();
  for (const line of lines) {
    const trace = traceOf(line), key = trace?.trace ?? `${line.nanoseconds} ${line.text}`, service = line.labels.service_name ?? "";
    const entry = found.get(key);
    if (!entry) {
      found.set(key, { trace, first: line, at: line.at, services: [service], count: 1 });
      continue;
    }
    entry.count++;
    entry.at = Math.max(entry.at, line.at);
    if (!entry.services.includes(service)) entry.services.push(service);
    if (line.at < entry.first.at) [entry.first, entry.trace] = [line, trace];
  }
  return [...found.values()].sort((a, b) => b.at - a.at);
}
