/** Jaeger's query API, as far as the console lets it through. */
import { get, type Parameters } from "./http.ts";

export interface Tag { key: string; type: string; value: unknown }
/** A span as Jaeger has it; times are microseconds. */
export interface JaegerSpan {
  traceID: string; spanID: string; operationName: string; startTime: number; duration: number; processID: string;
  references: { refType: string; traceID: string; spanID: string }[];
  tags: Tag[]; logs: { timestamp: number; fields: Tag[] }[]; warnings: string[] | null;
}
export interface JaegerTrace { traceID: string; spans: JaegerSpan[]; processes: Record<string, { serviceName: string; tags: Tag[] }> }

/** One trace; undefined where Jaeger has none of that id. */
export const trace = async (id: string, signal?: AbortSignal): Promise<JaegerTrace | undefined> =>
  (await get<{ data: JaegerTrace[] | null }>(`jaeger/traces/${id}`, {}, signal)).data?.[0];

/** Traces that a search finds; see the table of addresses for its parameters. */
export const traces = async (search: Parameters, signal?: AbortSignal): Promise<JaegerTrace[]> =>
  (await get<{ data: JaegerTrace[] | null }>("jaeger/traces", search, signal)).data ?? [];

export const services = async (signal?: AbortSignal): Promise<string[]> =>
  ((await get<{ data: string[] | null }>("jaeger/services", {}, signal)).data ?? []).sort();

export const operations = async (service: string, signal?: AbortSignal): Promise<string[]> =>
  ((await get<{ data: { name: string }[] | null }>("jaeger/operations", { service }, signal)).data ?? []).map(({ name }) => name).sort();
