/** The log lines of a trace, each at the span that wrote it. */
import type { Line } from "../stores/loki.ts";
import { add, type Trace } from "./trace.ts";

export interface Placed {
  /** Lines of each span by its id, oldest first. */
  ofSpan: Map<string, Line[]>;
  /** Lines of the trace whose span is not in it. */
  loose: Line[];
}

/** Lines, oldest first, at their spans. */
export function place(trace: Trace, lines: readonly Line[]): Placed {
  const known = new Set(trace.spans.map(({ id }) => id));
  const ofSpan = new Map<string, Line[]>();
  const loose: Line[] = [];
  for (const line of lines) {
    const span = line.labels.span_id ?? "";
    if (known.has(span)) add(ofSpan, span, line);
    else loose.push(line);
  }
  return { ofSpan, loose };
}
