/** Which spans are in the waterfall's rows, as spans are folded. */
import type { Span, Trace } from "./trace.ts";

export interface Folding {
  /** Ids of spans whose descendants are folded away. */
  spans: ReadonlySet<string>;
  /** Services of which only the span that was entered first is shown, with the calls to other services. */
  services: ReadonlySet<string>;
}

export const UNFOLDED: Folding = { spans: new Set(), services: new Set() };

export interface SpanRow {
  span: Span;
  /** How many ancestors are shown. */
  level: number;
  /** Spans that are folded into it. */
  folded: number;
  /** Index of the nearest ancestor that is shown. */
  above: number | undefined;
}

/** The rows that are left, in order. */
export function spanRows(trace: Trace, folding: Folding): SpanRow[] {
  const rows: SpanRow[] = [];
  /** Of each span, its row, or that of the ancestor it is folded into. */
  const rowOf: SpanRow[] = [];
  const isClosed: boolean[] = [];
  for (const span of trace.spans) {
    const parent = span.parent === undefined ? undefined : trace.spans[span.parent]!;
    const above = parent && rowOf[parent.index]!;
    const isBelowClosed = parent !== undefined && isClosed[parent.index]!;
    const isInner = parent?.service === span.service && folding.services.has(span.service);
    if (above && (isBelowClosed || isInner)) {
      above.folded++;
      rowOf[span.index] = above;
      isClosed[span.index] = isBelowClosed || folding.spans.has(span.id);
      continue;
    }
    const row = { span, level: above ? above.level + 1 : 0, folded: 0, above: above?.span.index };
    rows.push(row);
    rowOf[span.index] = row;
    isClosed[span.index] = folding.spans.has(span.id);
  }
  return rows;
}

/** The folding with which a span is shown. */
export function revealing(trace: Trace, folding: Folding, index: number): Folding {
  const spans = new Set(folding.spans);
  const services = new Set(folding.services);
  const span = trace.spans[index]!;
  const parent = span.parent === undefined ? undefined : trace.spans[span.parent];
  if (parent?.service === span.service) services.delete(span.service);
  for (let at = span.parent; at !== undefined; at = trace.spans[at]!.parent) spans.delete(trace.spans[at]!.id);
  return { spans, services };
}
