/** A trace with its log lines, from the stores. */
import { useMemo } from "preact/hooks";
import { ALL } from "../logs/logql.ts";
import { StoreError } from "../stores/http.ts";
import * as jaeger from "../stores/jaeger.ts";
import type { Lines } from "../stores/loki.ts";
import * as loki from "../stores/loki.ts";
import type { Range } from "../time.ts";
import { type Asked, useAnswer } from "../use-answer.ts";
import { arrange, type Trace } from "./trace.ts";

const MINUTE = 60_000;
/** How far clocks of lines and spans may be apart. */
const MARGIN = MINUTE;
/** How far back lines of a trace that Jaeger does not have are looked for. */
const LONG_AGO = 7 * 24 * 60 * MINUTE;
/** Loki's own bound. */
export const MAX_LINES = 5_000;

/** A trace as a tree; its answer is null where Jaeger has none. */
export function useTrace(id: string, time: number): Asked<Trace | null> {
  const { answer, error, isLoading } = useAnswer((signal) => fetchTrace(id, signal), [id, time]);
  const trace = useMemo(() => answer && arrange(answer), [answer]);
  return { isLoading, ...(error ? { error } : {}), ...(answer === undefined ? {} : { answer: trace ?? null }) };
}

async function fetchTrace(id: string, signal: AbortSignal): Promise<jaeger.JaegerTrace | null> {
  try {
    return (await jaeger.trace(id, signal)) ?? null;
  } catch (error) {
    if (error instanceof StoreError && error.status === 404) return null;
    throw error;
  }
}

/** The query for the log lines of a trace. */
export const linesQuery = (id: string): string => `${ALL} | trace_id="${id}"`;

/** When the lines of a trace may have been written. */
export function linesRange(trace: Trace | null): Range {
  if (!trace || trace.spans.length === 0) return { from: Date.now() - LONG_AGO, to: Date.now() + MARGIN };
  return { from: trace.start / 1e3 - MARGIN, to: (trace.start + trace.duration) / 1e3 + MARGIN };
}

/** The log lines of a trace, oldest first, once Jaeger has said when it was. */
export function useTraceLines(id: string, trace: Trace | null | undefined): Asked<Lines> {
  const none: Lines = { lines: [], warnings: [] };
  return useAnswer(
    (signal) =>
      trace === undefined
        ? Promise.resolve(none)
        : loki.lines(linesQuery(id), linesRange(trace), MAX_LINES, "forward", signal),
    [id, trace],
  );
}
