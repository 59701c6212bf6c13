/** What the last calls of a route did, by the gateway's metrics and traces. */
import * as jaeger from "../stores/jaeger.ts";
import { growth, query, queryRange, type Series } from "../stores/prometheus.ts";
import { type Range, stepFor } from "../time.ts";
import type { Operation } from "./operations.ts";

type Route = Pick<Operation, "method" | "path">;

export interface Totals { calls: number; refused: number; failed: number; p50: number | undefined; p95: number | undefined }
export interface SlowTrace { id: string; at: number; seconds: number; status: string }

const METRIC = "http_server_request_duration_seconds";
const SHORTEST_SECONDS = 60;
const SLOWEST = 10;
const SEARCHED = 40;

/** The series of a route in a selector. */
export function routeSelector({ method, path }: Route, more = ""): string {
  return `{service="gateway",http_request_method="${method}",http_route=${JSON.stringify(path)}${more && `,${more}`}}`;
}

/** Calls, client errors, server errors and durations of the whole range. */
export async function totals(route: Route, range: Range, signal?: AbortSignal): Promise<Totals> {
  const over = `${Math.max(SHORTEST_SECONDS, Math.round((range.to - range.from) / 1e3))}s`;
  const counted = (more: string): string => `sum(${growth(`${METRIC}_count${routeSelector(route, more)}`, over)})`;
  const share = (quantile: number): string => `histogram_quantile(${quantile}, sum by (le) (${growth(`${METRIC}_bucket${routeSelector(route)}`, over)}))`;
  const expressions = [counted(""), counted('http_response_status_code=~"4.."'), counted('http_response_status_code=~"5.."'), share(0.5), share(0.95)];
  const values = await Promise.all(expressions.map(async (one) => Number((await query(one, range.to, signal)).result[0]?.value[1] ?? NaN)));
  const [calls, refused, failed, p50, p95] = values.map((value) => Number.isFinite(value) ? value : undefined);
  return { calls: Math.round(calls ?? 0), refused: Math.round(refused ?? 0), failed: Math.round(failed ?? 0), p50, p95 };
}

export interface Course { step: number; statuses: Series[]; durations: Series[] }

/** How the route went over the range: calls a second by status, and durations by share. */
export async function course(route: Route, range: Range, points: number, signal?: AbortSignal): Promise<Course> {
  const step = stepFor(range, points), over = `[${Math.max(SHORTEST_SECONDS, step / 1e3)}s]`;
  const quantile = (share: number, name: string): string =>
    `label_replace(histogram_quantile(${share}, sum by (le) (rate(${METRIC}_bucket${routeSelector(route)}${over}))), "share", "${name}", "", "")`;
  const [statuses, durations] = await Promise.all([
    queryRange(`sum by (http_response_status_code) (rate(${METRIC}_count${routeSelector(route)}${over}))`, range, step, signal),
    queryRange(`${quantile(0.5, "p50")} or ${quantile(0.95, "p95")} or ${quantile(0.99, "p99")}`, range, step, signal),
  ]);
  return { step, statuses: statuses.result, durations: durations.result };
}

/** The slowest calls that Jaeger has: those of at least the duration of the slowest twentieth, or any where there are none. */
export async function slowest(route: Route, range: Range, p95: number | undefined, signal?: AbortSignal): Promise<SlowTrace[]> {
  const search = { service: "gateway", operation: `${route.method} ${route.path}`, start: Math.floor(range.from * 1e3), end: Math.ceil(range.to * 1e3), limit: SEARCHED };
  let found = p95 === undefined ? [] : await jaeger.traces({ ...search, minDuration: `${Math.floor(p95 * 1e6)}us` }, signal);
  if (found.length === 0) found = await jaeger.traces(search, signal);
  return found.flatMap((trace) => slowOf(trace, search.operation)).sort((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
}

/** The call within its trace. */
export function slowOf({ traceID, spans, processes }: jaeger.JaegerTrace, operation: string): SlowTrace[] {
  const span = spans.find(({ operationName, processID }) => operationName === operation && processes[processID]?.serviceName === "gateway");
  if (!span) return [];
  const status = span.tags.find(({ key }) => key === "http.response.status_code")?.value;
  return [{ id: traceID, at: span.startTime / 1e3, seconds: span.duration / 1e6, status: String(status ?? "") }];
}
