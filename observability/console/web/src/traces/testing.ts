/** Traces for tests. */
import type { JaegerSpan, JaegerTrace } from "../stores/jaeger.ts";
import type { Line } from "../stores/loki.ts";
import { arrange, type Trace } from "./trace.ts";

export interface Made {
  id: string;
  parent?: string;
  service?: string;
  name?: string;
  start: number;
  duration: number;
  tags?: Record<string, unknown>;
  links?: { trace: string; span: string }[];
  events?: { at: number; fields: Record<string, unknown> }[];
}

const TRACE = "0123456789abcdef0123456789abcdef";

/** A trace as Jaeger answers it. */
export function jaegerTrace(made: readonly Made[], id = TRACE): JaegerTrace {
  const services = [...new Set(made.map(({ service = "one" }) => service))];
  const processes = Object.fromEntries(services.map((serviceName, at) => [`p${at}`, { serviceName, tags: [] }]));
  return {
    traceID: id,
    processes,
    spans: made.map((one) => jaegerSpan(one, id, `p${services.indexOf(one.service ?? "one")}`)),
  };
}

function jaegerSpan(
  { id, parent, name = id, start, duration, tags = {}, links = [], events = [] }: Made,
  traceID: string,
  processID: string,
): JaegerSpan {
  const list = (fields: Record<string, unknown>) =>
    Object.entries(fields).map(([key, value]) => ({ key, type: "string", value }));
  return {
    traceID,
    spanID: id,
    operationName: name,
    startTime: start,
    duration,
    processID,
    references: [
      ...links.map((link) => ({ refType: "FOLLOWS_FROM", traceID: link.trace, spanID: link.span })),
      ...(parent === undefined ? [] : [{ refType: "CHILD_OF", traceID, spanID: parent }]),
    ],
    tags: list(tags),
    logs: events.map(({ at, fields }) => ({ timestamp: at, fields: list(fields) })),
    warnings: null,
  };
}

export const trace = (...made: Made[]): Trace => arrange(jaegerTrace(made));

/** A chain of spans, each the child of the one before, as deep as it is long. */
export const chain = (length: number): Made[] =>
  Array.from({ length }, (_, at) => ({
    id: `s${at}`,
    ...(at > 0 ? { parent: `s${at - 1}` } : {}),
    service: `service-${at % 3}`,
    start: at,
    duration: 2 * length - 2 * at,
  }));

export const line = (span: string, text: string, at = 1): Line => ({
  at,
  nanoseconds: String(at * 1e6),
  text,
  labels: { span_id: span, service_name: "one" },
});
