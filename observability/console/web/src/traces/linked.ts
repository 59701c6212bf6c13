/** Other traces that spans of a trace refer to, and that refer to spans of it. */
import { StoreError } from "../stores/http.ts";
import * as jaeger from "../stores/jaeger.ts";
import { useAnswer } from "../use-answer.ts";
import { add, type Link, linksOf, type Trace } from "./trace.ts";

/** The attribute that spans of one event share, whatever their traces. */
const EVENT_ID = "cloudevents.event_id";
/** Events that are looked for, traces of each, traces that are linked to. */
const MAX_EVENTS = 12;
const MAX_TRACES = 50;
const MAX_LINKED = 12;
/** Whose spans begin traces of their own for an event: replays, and deliveries that are linked only. */
const SERVICE = "rio";

/** A span of another trace; its names where it could be read. */
export interface LinkedSpan extends Link {
  service?: string;
  name?: string;
}

export interface Linked {
  /** What the trace links to, by span id. */
  to: ReadonlyMap<string, LinkedSpan>;
  /** What links to the trace, by the id of the span that is linked to. */
  from: ReadonlyMap<string, LinkedSpan[]>;
}

const NONE: Linked = { to: new Map(), from: new Map() };

/**
 * The links of a trace in both directions. Jaeger has no search by reference. What is sent again or delivered in
 * a trace of its own has the event's id as an attribute, by which Jaeger finds it; what is sent in batches links
 * to the batch's trace, which links back.
 */
export function useLinked(trace: Trace): { linked: Linked; error: Error | undefined } {
  const { answer, error } = useAnswer((signal) => find(trace, signal), [trace]);
  return { linked: answer ?? NONE, error };
}

async function find(trace: Trace, signal: AbortSignal): Promise<Linked> {
  const start = Math.floor(trace.start);
  const end = Date.now() * 1e3;
  const ofEvent = (id: string): Promise<jaeger.JaegerTrace[]> =>
    jaeger.traces(
      { service: SERVICE, tags: JSON.stringify({ [EVENT_ID]: id }), start, end, limit: MAX_TRACES },
      signal,
    );
  const found = await Promise.all([
    ...linkedTraces(trace).map((id) => read(id, signal)),
    ...eventIds(trace).map(ofEvent),
  ]);
  return linksBetween(trace, found.flat());
}

/** A linked trace; none where it is no longer kept. */
async function read(id: string, signal: AbortSignal): Promise<jaeger.JaegerTrace[]> {
  try {
    const found = await jaeger.trace(id, signal);
    return found ? [found] : [];
  } catch (error) {
    if (error instanceof StoreError && error.status === 404) return [];
    throw error;
  }
}

/** The traces that spans of a trace link to. */
export function linkedTraces(trace: Trace): string[] {
  const ids = trace.spans.flatMap(({ links }) => links.map((link) => link.trace));
  return [...new Set(ids)].filter((id) => /^[0-9a-f]{32}$/.test(id)).slice(0, MAX_LINKED);
}

/** The events that spans of a trace are about. */
export function eventIds(trace: Trace): string[] {
  const ids = new Set<string>();
  for (const { tags } of trace.spans) {
    for (const { key, value } of tags) if (key === EVENT_ID && typeof value === "string") ids.add(value);
    if (ids.size >= MAX_EVENTS) break;
  }
  return [...ids].slice(0, MAX_EVENTS);
}

/** The links between a trace and others. */
export function linksBetween(trace: Trace, others: readonly jaeger.JaegerTrace[]): Linked {
  const wanted = new Set(trace.spans.flatMap(({ links }) => links.map(({ span }) => span)));
  const to = new Map<string, LinkedSpan>();
  const from = new Map<string, LinkedSpan[]>();
  const seen = new Set<string>();
  for (const other of others) {
    if (other.traceID === trace.id || seen.has(other.traceID)) continue;
    seen.add(other.traceID);
    for (const span of other.spans) {
      const names = { service: other.processes[span.processID]?.serviceName ?? "?", name: span.operationName };
      const linked = { trace: span.traceID, span: span.spanID, ...names };
      if (wanted.has(span.spanID)) to.set(span.spanID, linked);
      for (const link of linksOf(span)) if (link.trace === trace.id) add(from, link.span, linked);
    }
  }
  return { to, from };
}
