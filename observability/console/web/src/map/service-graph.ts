/** Who calls whom: what traces show, held against what the catalog permits. */
import type { Catalog } from "../stores/platform.ts";
import type { Sample } from "../stores/prometheus.ts";

/** `forbidden`: the catalog knows both and does not permit it. `unknown`: it does not know one of them. */
/** `connection_type` of events. */
const EVENTS = "messaging_system";

export type Permission = "permitted" | "forbidden" | "unknown";

export interface Call {
  id: string;
  client: string;
  server: string;
  /** What kind of connection, in the collector's words: empty, `database`, `messaging_system`. */
  kind: string;
  /** Calls a second; 0 of a permitted call that was not seen. */
  rate: number;
  /** The share of them that failed, 0 to 1. */
  failed: number;
  /** Seconds; undefined where no call was seen. */
  p95: number | undefined;
  permission: Permission;
}

/** `isStore`: what the catalog's parts stand on, without spans and log lines of its own. */
export interface Part { name: string; description: string; isKnown: boolean; isStore: boolean }
export interface ServiceGraph { parts: Part[]; calls: Call[] }
/** Answers of Prometheus to `queries.calls`. */
export interface CallSamples { requests: readonly Sample[]; failed: readonly Sample[]; p95: readonly Sample[] }

/** All that is known or was seen; without a catalog (undefined) nothing is held against it. */
export function serviceGraph(samples: CallSamples, catalog: Catalog | undefined): ServiceGraph {
  const parts = new Map<string, Part>(knownParts(catalog).map((part) => [part.name, part]));
  const seen = seenCalls(samples, catalog, new Set(parts.keys()));
  const isSeen = new Set(seen.map(({ client, server }) => JSON.stringify([client, server])));
  const silent = (catalog?.calls ?? []).filter((call) => !isSeen.has(JSON.stringify(call))).map(([client, server]): Call =>
    ({ id: callId(client, server, ""), client, server, kind: "", rate: 0, failed: 0, p95: undefined, permission: "permitted" }));
  for (const { client, server } of seen) for (const name of [client, server]) {
    if (!parts.has(name)) parts.set(name, { name, description: "", isKnown: catalog === undefined, isStore: false });
  }
  // In one order, whatever was seen first: the picture's layout follows it.
  const calls = [...seen, ...silent].sort((a, b) => a.id < b.id ? -1 : 1);
  return { parts: [...parts.values()], calls };
}

const callId = (...parts: string[]): string => parts.join(" ");

/** The parts of the catalog in the order of a request's way: the platform's own, the services, what they stand on. */
function knownParts(catalog: Catalog | undefined): Part[] {
  if (!catalog) return [];
  const named = [...catalog.hops, ...catalog.services].map(({ name, description }) => ({ name, description, isKnown: true, isStore: false }));
  const names = new Set(named.map(({ name }) => name));
  const others = [...new Set(catalog.calls.flat())].filter((name) => !names.has(name));
  return [...named, ...others.map((name) => ({ name, description: "", isKnown: true, isStore: true }))];
}

function seenCalls({ requests, failed, p95 }: CallSamples, catalog: Catalog | undefined, known: ReadonlySet<string>): Call[] {
  const permitted = new Set((catalog?.calls ?? []).map((call) => JSON.stringify(call)));
  const failures = byCall(failed), durations = byCall(p95);
  return [...byCall(requests)].filter(([, { value }]) => value > 0).map(([id, { client, server, kind, value: rate }]) => ({
    id, client, server, kind, rate,
    failed: Math.min(1, (failures.get(id)?.value ?? 0) / rate),
    p95: finite(durations.get(id)?.value),
    permission: permissionOf(client, server, kind),
  }));

  function permissionOf(client: string, server: string, kind: string): Permission {
    // Who takes events Rio's subscriptions say, which the catalog has in part.
    if (!catalog || kind === EVENTS || permitted.has(JSON.stringify([client, server]))) return "permitted";
    return known.has(client) && known.has(server) ? "forbidden" : "unknown";
  }
}

const finite = (value: number | undefined): number | undefined => value !== undefined && Number.isFinite(value) ? value : undefined;

function byCall(samples: readonly Sample[]): Map<string, { client: string; server: string; kind: string; value: number }> {
  return new Map(samples.map(({ metric: { client = "", server = "", connection_type: kind = "" }, value }) =>
    [callId(client, server, kind), { client, server, kind, value: Number(value[1]) }]));
}

/** What is not as the catalog says, for a person; nothing where it is. */
export function violation({ client, server, permission }: Call, { parts }: ServiceGraph): string | undefined {
  if (permission === "permitted") return undefined;
  if (permission === "forbidden") return `${client} calls ${server}: the catalog does not permit it`;
  const unknown = parts.filter(({ name, isKnown }) => !isKnown && (name === client || name === server)).map(({ name }) => name);
  return `${client} calls ${server}: the catalog does not know ${unknown.join(" and ")}`;
}
