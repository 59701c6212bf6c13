/** Prometheus' HTTP API, as far as the console lets it through. */
import type { Range } from "../time.ts";
import { get } from "./http.ts";

export type Labels = Record<string, string>;
export interface Series { metric: Labels; values: [number, string][] }
export interface Sample { metric: Labels; value: [number, string] }
export interface Exemplar { series: Labels; labels: Labels; value: number; at: number }
export interface Answer<T> { result: T[]; warnings: string[] }
interface Envelope<T> { data: { resultType: string; result: T[] }; warnings?: string[] }

/** A query over time. Times are milliseconds; they are aligned to the step, so that a moving range keeps its values. */
export async function queryRange(query: string, range: Range, step: number, signal?: AbortSignal): Promise<Answer<Series>> {
  const start = Math.floor(range.from / step) * step / 1e3, end = Math.floor(range.to / step) * step / 1e3;
  const { data, warnings = [] } = await get<Envelope<Series>>("prometheus/query_range", { query, start, end, step: step / 1e3 }, signal);
  return { result: data.result, warnings };
}

/** A query at one moment, milliseconds; a scalar is a sample without labels. */
export async function query(expression: string, at: number, signal?: AbortSignal): Promise<Answer<Sample>> {
  const { data, warnings = [] } = await get<Envelope<Sample>>("prometheus/query", { query: expression, time: at / 1e3 }, signal);
  if (data.resultType === "scalar") return { result: [{ metric: {}, value: data.result as unknown as [number, string] }], warnings };
  return { result: data.result, warnings };
}

/**
 * An expression for how much counters grew in `over`, such as `5m`. What a series had counted when Prometheus first saw
 * it counts, too, where that was within this time: `increase` leaves it out, and with it all of what happens rarely.
 */
export const growth = (series: string, over: string): string => `((${series} unless ${series} offset ${over}) or increase(${series}[${over}]))`;

/** The exemplars of the metrics in a query. */
export async function exemplars(query: string, range: Range, signal?: AbortSignal): Promise<Exemplar[]> {
  type Told = { data: { seriesLabels: Labels; exemplars: { labels: Labels; value: string; timestamp: number }[] }[] };
  const { data } = await get<Told>("prometheus/query_exemplars", { query, start: range.from / 1e3, end: range.to / 1e3 }, signal);
  return data.flatMap(({ seriesLabels, exemplars: found }) =>
    found.map(({ labels, value, timestamp }) => ({ series: seriesLabels, labels, value: Number(value), at: timestamp * 1e3 })));
}

/** The values of a label, of all series or those that match a selector. */
export async function labelValues(label: string, selector: string | undefined, range: Range, signal?: AbortSignal): Promise<string[]> {
  const parameters = { "match[]": selector, start: range.from / 1e3, end: range.to / 1e3 };
  return (await get<{ data: string[] }>(`prometheus/label/${encodeURIComponent(label)}/values`, parameters, signal)).data;
}

/** The names of all labels. */
export const labels = async (range: Range, signal?: AbortSignal): Promise<string[]> =>
  (await get<{ data: string[] }>("prometheus/labels", { start: range.from / 1e3, end: range.to / 1e3 }, signal)).data;

export interface RuleAlert { labels: Labels; annotations: Labels; state: string; activeAt?: string; value: string }
export interface Rule {
  type: string; name: string; query: string; state?: string; duration?: number; keepFiringFor?: number; health: string; lastError?: string;
  labels?: Labels; annotations?: Labels; alerts?: RuleAlert[]; evaluationTime?: number; lastEvaluation?: string;
}
export interface RuleGroup { name: string; file: string; interval: number; rules: Rule[] }

/** The groups of rules; `type` is `alert` or `record`. */
export const rules = async (type?: "alert" | "record", signal?: AbortSignal): Promise<RuleGroup[]> =>
  (await get<{ data: { groups: RuleGroup[] } }>("prometheus/rules", { type }, signal)).data.groups;
