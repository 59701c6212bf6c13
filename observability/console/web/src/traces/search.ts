/** What a search for traces asks Jaeger. */
import type { Parameters } from "../stores/http.ts";
import * as jaeger from "../stores/jaeger.ts";
import type { Range } from "../time.ts";
import { arrange, type Trace } from "./trace.ts";

export interface Search {
  /** Empty: any service. */
  service: string;
  operation: string;
  /** `key=value` pairs. */
  tags: string;
  least: string;
  most: string;
  failed: boolean;
  limit: number;
}

/** The service that a trace from outside begins in. */
const FIRST = "edge-nginx";
export const ANY = "*";
export const LIMITS = [20, 50, 100, 200];
/** Services that are asked where any will do; each is a question of its own. */
const MAX_SERVICES = 30;

/** What an address asks for. */
export function searchOf(query: URLSearchParams): Search {
  const limit = Number(query.get("limit"));
  const service = query.get("service") ?? FIRST;
  return {
    service: service === ANY ? "" : service,
    operation: service === ANY ? "" : (query.get("operation") ?? ""),
    tags: query.get("tags") ?? "",
    least: query.get("least") ?? "",
    most: query.get("most") ?? "",
    failed: query.get("failed") === "true",
    limit: LIMITS.includes(limit) ? limit : 50,
  };
}

/** `key=value` pairs apart by spaces; a value may stand in quotes, with `\"` and `\\` in it. */
export function tagsOf(text: string): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [, key, quoted, bare] of text.matchAll(/([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/g)) {
    tags[key!] = quoted === undefined ? (bare ?? "") : quoted.replace(/\\(.)/g, "$1");
  }
  return tags;
}

/** What is wrong with a text of tags; undefined where nothing is. */
export function tagsFault(text: string): string | undefined {
  const left = text.replace(/([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"]\S*)?)(?=\s|$)/g, "").trim();
  return left === "" ? undefined : `not key=value: ${left.slice(0, 40)}`;
}

/** What is wrong with a duration; undefined where nothing is, or it is empty. */
export function durationFault(text: string): string | undefined {
  return /^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))*$/.test(text.trim()) ? undefined : "a duration is such as 50ms or 1.5s";
}

/** Jaeger's parameters for a search in one service. */
export function parametersOf(search: Search, service: string, range: Range): Parameters {
  const tags = { ...tagsOf(search.tags), ...(search.failed ? { error: "true" } : {}) };
  return {
    service,
    operation: search.operation || undefined,
    tags: Object.keys(tags).length > 0 ? JSON.stringify(tags) : undefined,
    minDuration: search.least.trim() || undefined,
    maxDuration: search.most.trim() || undefined,
    start: Math.floor(range.from * 1e3),
    end: Math.ceil(range.to * 1e3),
    limit: search.limit,
  };
}

/** The traces that are found, each once. */
export async function find(
  search: Search,
  services: readonly string[],
  range: Range,
  signal: AbortSignal,
): Promise<Trace[]> {
  const asked = search.service === "" ? services.slice(0, MAX_SERVICES) : [search.service];
  const found = new Map<string, Trace>();
  // One after the other: each answer may be large.
  for (const service of asked) {
    for (const raw of await jaeger.traces(parametersOf(search, service, range), signal)) {
      const known = found.get(raw.traceID);
      if (!known || known.spans.length < raw.spans.length) found.set(raw.traceID, arrange(raw));
    }
  }
  return sorted([...found.values()], "newest").slice(0, search.limit);
}

export type Order = "newest" | "longest" | "shortest" | "most spans" | "most failed";
export const ORDERS: readonly Order[] = ["newest", "longest", "shortest", "most spans", "most failed"];

const COMPARE: Record<Order, (a: Trace, b: Trace) => number> = {
  newest: (a, b) => b.start - a.start,
  longest: (a, b) => b.duration - a.duration,
  shortest: (a, b) => a.duration - b.duration,
  "most spans": (a, b) => b.spans.length - a.spans.length,
  "most failed": (a, b) => b.failed - a.failed || b.start - a.start,
};

export const sorted = (traces: readonly Trace[], order: Order): Trace[] => [...traces].sort(COMPARE[order]);
