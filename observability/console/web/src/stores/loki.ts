/** Loki's HTTP API, as far as the console lets it through. */
import type { Range } from "../time.ts";
import { get } from "./http.ts";
import type { Answer, Labels, Series } from "./prometheus.ts";

/** A log line. `at` is milliseconds; `nanoseconds` is the exact time, which a number cannot hold. */
export interface Line { at: number; nanoseconds: string; text: string; labels: Labels }
export interface Lines { lines: Line[]; warnings: string[] }
interface Stream { stream: Labels; values: [string, string][] }
interface Envelope<T> { data: { resultType: string; result: T[] }; warnings?: string[] }

/** Lines of a log query; `backward` gives the newest first. */
export async function lines(query: string, range: Range, limit: number, direction: "backward" | "forward" = "backward", signal?: AbortSignal): Promise<Lines> {
  const parameters = { query, start: `${Math.floor(range.from)}000000`, end: `${Math.ceil(range.to)}000000`, limit, direction };
  const { data, warnings = [] } = await get<Envelope<Stream>>("loki/query_range", parameters, signal);
  const found = data.result.flatMap(({ stream, values }) =>
    values.map(([nanoseconds, text]) => ({ at: Number(nanoseconds) / 1e6, nanoseconds, text, labels: stream })));
  const sign = direction === "backward" ? -1 : 1;
  found.sort((a, b) => sign * (a.nanoseconds.length - b.nanoseconds.length || (a.nanoseconds < b.nanoseconds ? -1 : a.nanoseconds > b.nanoseconds ? 1 : 0)));
  return { lines: found, warnings };
}

/** A metric query over time. */
export async function queryRange(query: string, range: Range, step: number, signal?: AbortSignal): Promise<Answer<Series>> {
  const start = Math.floor(range.from / step) * step / 1e3, end = Math.floor(range.to / step) * step / 1e3;
  const { data, warnings = [] } = await get<Envelope<Series>>("loki/query_range", { query, start, end, step: step / 1e3 }, signal);
  return { result: data.result, warnings };
}

const between = (range: Range): { start: string; end: string } => ({ start: `${Math.floor(range.from)}000000`, end: `${Math.ceil(range.to)}000000` });

export const labels = async (range: Range, signal?: AbortSignal): Promise<string[]> =>
  (await get<{ data?: string[] }>("loki/labels", between(range), signal)).data ?? [];

export const labelValues = async (label: string, range: Range, signal?: AbortSignal): Promise<string[]> =>
  (await get<{ data?: string[] }>(`loki/label/${encodeURIComponent(label)}/values`, between(range), signal)).data ?? [];
