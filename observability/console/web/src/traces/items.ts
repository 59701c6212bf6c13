/** The rows of a waterfall: spans, and below each the log lines that it wrote. */
import { keysOf } from "../logs/line.ts";
import type { Line } from "../stores/loki.ts";
import type { SpanRow } from "./rows.ts";
import type { Span } from "./trace.ts";

export interface SpanItem {
  kind: "span";
  key: string;
  span: Span;
  level: number;
  folded: number;
  /** Index of the nearest ancestor in sight. */
  above: number | undefined;
}

export interface LineItem {
  kind: "line";
  key: string;
  span: Span;
  level: number;
  line: Line;
}

export type Item = SpanItem | LineItem;

export function itemsOf(rows: readonly SpanRow[], lines: ReadonlyMap<string, readonly Line[]>): Item[] {
  const items: Item[] = [];
  for (const { span, level, folded, above } of rows) {
    items.push({ kind: "span", key: span.id, span, level, folded, above });
    const written = lines.get(span.id);
    if (!written) continue;
    const keys = keysOf(written);
    written.forEach((line, at) => items.push({ kind: "line", key: keys[at]!, span, level: level + 1, line }));
  }
  return items;
}
