/** Loki's HTTP API, as far as the console lets it through. */
import type { Range } from "../time.ts";
import { get, open, StoreError } from "./http.ts";
import { readJsonLines } from "./json-lines.ts";
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
  return { lines: linesOf(data.result, direction), warnings };
}

/** The lines of some streams in order; each line of Loki's own is a stream where its structured metadata is. */
function linesOf(streams: readonly Stream[], direction: "backward" | "forward"): Line[] {
  const found = streams.flatMap(({ stream, values }) =>
    values.map(([nanoseconds, text]) => ({ at: Number(nanoseconds) / 1e6, nanoseconds, text, labels: stream })));
  const sign = direction === "backward" ? -1 : 1;
  return found.sort((a, b) => sign * compareNanoseconds(a.nanoseconds, b.nanoseconds));
}

/** The order of two moments that are too long for a number. */
const compareNanoseconds = (a: string, b: string): number => a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);

/** A metric query over time. */
export async function queryRange(query: string, range: Range, step: number, signal?: AbortSignal): Promise<Answer<Series>> {
  const start = Math.floor(range.from / step) * step / 1e3, end = Math.floor(range.to / step) * step / 1e3;
  const { data, warnings = [] } = await get<Envelope<Series>>("loki/query_range", { query, start, end, step: step / 1e3 }, signal);
  return { result: data.result, warnings };
}

const between = (range: Range): { start: string; end: string } => ({ start: `${Math.floor(range.from)}000000`, end: `${Math.ceil(range.to)}000000` });

export const labels = async (range: Range, signal?: AbortSignal): Promise<string[]> =>
  (await get<{ data?: string[] }>("loki/labels", between(range), signal)).data ?? [];

/** The values of a label, of all streams or those that match a selector. */
export const labelValues = async (label: string, range: Range, signal?: AbortSignal, selector?: string): Promise<string[]> => {
  const parameters = { ...between(range), query: selector };
  return (await get<{ data?: string[] }>(`loki/label/${encodeURIComponent(label)}/values`, parameters, signal)).data ?? [];
};

/** How far before and after a line its neighbours are looked for, nanoseconds. */
const AROUND = 6n * 3600n * 1_000_000_000n;

/** Up to `count` lines before and after a moment, with those of the moment itself, oldest first. */
export async function linesAround(selector: string, nanoseconds: string, count: number, signal?: AbortSignal): Promise<Line[]> {
  const at = BigInt(nanoseconds);
  const ask = (start: bigint, end: bigint, direction: "backward" | "forward"): Promise<Envelope<Stream>> =>
    get("loki/query_range", { query: selector, start: String(start), end: String(end), limit: count, direction }, signal);
  // Loki's start is inclusive, its end exclusive.
  const [before, after] = await Promise.all([ask(at - AROUND, at, "backward"), ask(at, at + AROUND, "forward")]);
  return [...linesOf(before.data.result, "forward"), ...linesOf(after.data.result, "forward")];
}

/** Names of the fields that lines of a query have besides their labels. */
export async function fieldNames(query: string, range: Range, signal?: AbortSignal): Promise<string[]> {
  type Told = { fields?: { label: string }[] | null };
  const { fields } = await get<Told>("loki/detected_fields", { query, ...between(range), limit: 500, line_limit: 500 }, signal);
  return (fields ?? []).map(({ label }) => label).sort();
}

/** What a live tail says: a line, or how many came too fast to be shown. */
export type Tailed = Line | { dropped: number };

/** Lines of a query as they are written, until `signal` aborts or the tail ends; `opened` is called once it has begun. Raises StoreError with the reason where Loki ends it and says why. */
export async function tail(query: string, take: (tailed: Tailed) => void, opened: () => void, signal: AbortSignal): Promise<void> {
  type Told = { nanoseconds: string; text: string; labels: Labels } | { dropped: number } | { heartbeat: string } | { ended: string };
  const stream = await open("loki/tail", { query }, signal);
  opened();
  await readJsonLines(stream, (line) => {
    const told = line as Told;
    if ("text" in told) take({ ...told, at: Number(told.nanoseconds) / 1e6 });
    else if ("dropped" in told) take(told);
    else if ("ended" in told) throw new StoreError(0, "Loki ended the live tail", told.ended);
  });
}
