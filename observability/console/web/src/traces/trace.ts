/** A trace as a tree of spans. Times are microseconds since the epoch, durations microseconds. */
import type { JaegerSpan, JaegerTrace, Tag } from "../stores/jaeger.ts";

/** A reference to a span of another trace. */
export interface Link {
  trace: string;
  span: string;
}

export interface SpanEvent {
  at: number;
  name: string;
  fields: Tag[];
}

export interface Span {
  id: string;
  /** Place in the trace's spans, which are in order of the tree, depth first. */
  index: number;
  /** Index of the parent; undefined for roots and where the parent is missing. */
  parent: number | undefined;
  /** Id of the parent that the span names, whether it is there or not. */
  parentId: string | undefined;
  children: number[];
  /** How many spans are below it. */
  descendants: number;
  depth: number;
  service: string;
  name: string;
  kind: string;
  start: number;
  duration: number;
  isFailed: boolean;
  tags: Tag[];
  process: Tag[];
  events: SpanEvent[];
  links: Link[];
  warnings: string[];
}

export interface Trace {
  id: string;
  spans: Span[];
  start: number;
  /** From the start of the first span to the end of the last, at least 1. */
  duration: number;
  /** Spans of each service, the service that began first first. */
  services: Map<string, number>;
  failed: number;
  /** Spans whose parent is not in the trace. */
  orphans: number;
}

export const endOf = (span: Span): number => span.start + span.duration;

/**
 * The spans as a tree, each one's children by their start. A span whose parent is missing stands as a root, as
 * does the first of spans that are each other's ancestors: an incomplete or a wrong trace is shown whole.
 */
export function arrange(raw: JaegerTrace): Trace {
  const found = unique(raw.spans).sort((a, b) => a.startTime - b.startTime || b.duration - a.duration);
  const known = new Set(found.map((span) => span.spanID));
  const below = new Map<string, JaegerSpan[]>();
  const roots: JaegerSpan[] = [];
  let orphans = 0;
  for (const span of found) {
    const parent = parentOf(span);
    if (parent === undefined || !known.has(parent)) roots.push(span);
    else add(below, parent, span);
    if (parent !== undefined && !known.has(parent)) orphans++;
  }
  const spans: Span[] = [];
  const placed = new Set<string>();
  for (const root of roots) walk(root, raw, below, placed, spans);
  // What no root leads to stands in a circle.
  for (const span of found) if (!placed.has(span.spanID)) walk(span, raw, below, placed, spans);
  countDescendants(spans);
  return {
    id: raw.traceID,
    spans,
    ...extent(spans),
    services: counted(found, raw),
    failed: spans.filter((span) => span.isFailed).length,
    orphans,
  };
}

/** When a trace began, and how long it went on. */
function extent(spans: readonly Span[]): { start: number; duration: number } {
  let start = Infinity,
    end = -Infinity;
  for (const span of spans) {
    start = Math.min(start, span.start);
    end = Math.max(end, endOf(span));
  }
  return spans.length > 0 ? { start, duration: Math.max(1, end - start) } : { start: 0, duration: 1 };
}

function counted(found: readonly JaegerSpan[], raw: JaegerTrace): Map<string, number> {
  const services = new Map<string, number>();
  for (const span of found) {
    const name = serviceOf(span, raw);
    services.set(name, (services.get(name) ?? 0) + 1);
  }
  return services;
}

/** Each span id once: Jaeger may have a span twice where its sender tried again. */
function unique(spans: readonly JaegerSpan[]): JaegerSpan[] {
  const byId = new Map<string, JaegerSpan>();
  for (const span of spans) if (!byId.has(span.spanID)) byId.set(span.spanID, span);
  return [...byId.values()];
}

/** Add a span and what is below it; not by recursion, for a trace can be deeper than the stack. */
function walk(
  root: JaegerSpan,
  raw: JaegerTrace,
  below: ReadonlyMap<string, JaegerSpan[]>,
  placed: Set<string>,
  spans: Span[],
): void {
  const waiting: { span: JaegerSpan; parent: Span | undefined }[] = [{ span: root, parent: undefined }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    if (placed.has(next.span.spanID)) continue;
    placed.add(next.span.spanID);
    const span = read(next.span, raw, spans.length, next.parent);
    spans.push(span);
    next.parent?.children.push(span.index);
    const children = below.get(span.id) ?? [];
    for (let at = children.length - 1; at >= 0; at--) waiting.push({ span: children[at]!, parent: span });
  }
}

function countDescendants(spans: readonly Span[]): void {
  for (let at = spans.length - 1; at >= 0; at--) {
    const { parent, descendants } = spans[at]!;
    if (parent !== undefined) spans[parent]!.descendants += descendants + 1;
  }
}

function read(span: JaegerSpan, raw: JaegerTrace, index: number, parent: Span | undefined): Span {
  const tag = (key: string): unknown => span.tags.find((one) => one.key === key)?.value;
  return {
    id: span.spanID,
    index,
    parent: parent?.index,
    parentId: parentOf(span),
    children: [],
    descendants: 0,
    depth: parent ? parent.depth + 1 : 0,
    service: serviceOf(span, raw),
    name: span.operationName,
    kind: String(tag("span.kind") ?? "internal"),
    start: span.startTime,
    duration: Math.max(0, span.duration),
    isFailed: tag("error") === true || tag("error") === "true" || tag("otel.status_code") === "ERROR",
    tags: span.tags,
    process: raw.processes[span.processID]?.tags ?? [],
    events: (span.logs ?? []).map(readEvent),
    links: linksOf(span),
    warnings: span.warnings ?? [],
  };
}

const serviceOf = (span: JaegerSpan, raw: JaegerTrace): string => raw.processes[span.processID]?.serviceName ?? "?";

function readEvent({ timestamp, fields }: JaegerSpan["logs"][number]): SpanEvent {
  const name = fields.find(({ key }) => key === "event");
  return { at: timestamp, name: String(name?.value ?? "event"), fields: fields.filter((field) => field !== name) };
}

/** The spans of other traces that a span refers to. */
export const linksOf = (span: JaegerSpan): Link[] =>
  (span.references ?? [])
    .filter(({ traceID }) => traceID !== span.traceID)
    .map(({ traceID, spanID }) => ({ trace: traceID, span: spanID }));

function parentOf(span: JaegerSpan): string | undefined {
  const own = (span.references ?? []).filter(({ traceID }) => traceID === span.traceID);
  return (own.find(({ refType }) => refType === "CHILD_OF") ?? own[0])?.spanID;
}

/** Add a value to the list of a key. */
export function add<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
