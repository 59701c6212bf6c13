/** Rio's HTTP API, as far as the console lets it through. */
import { get, open } from "./http.ts";

/** Names of the members that were left out: event bodies and answers of receivers are shown in operate mode. */
export interface Hiding { hidden?: string[] }
export interface Page<T> { items: T[]; next: number | string | null }

export type NodeKind = "emitter" | "type" | "subscription" | "sink";
export interface TopologyNode { id: string; kind: NodeKind; name: string }
/** `seen` is how many events went this way in the last hour. */
export interface TopologyEdge { from: string; to: string; declared: boolean; seen: number }
export interface Topology { nodes: TopologyNode[]; edges: TopologyEdge[] }

export interface Schema { type: string; schema: unknown; origin: "catalog" | "api" }

export interface Retry { first_seconds: number; cap_seconds: number; budget_seconds: number; max_attempts: number | null }
export interface Policy {
  timeout_seconds: number; concurrency: number; rate_per_second: number | null; ordered: boolean; trace: "continue" | "link";
  retry: Retry; final_statuses: number[];
}
export interface Subscription {
  id: string; types: string[]; sink: string; source: string | null; filters: unknown[]; config: Policy;
  status: "active" | "paused"; reason: string | null; owner: string; origin: "catalog" | "api"; retired_at: string | null;
}

/** An event's CloudEvents attributes; with its data where it is shown. */
export interface CloudEvent extends Hiding {
  id: string; type: string; source: string; subject?: string; time?: string; data?: unknown; data_base64?: string; [attribute: string]: unknown;
}
export interface Attempt extends Hiding {
  at: string; seconds: number; status: number | null; reason: string; body?: string; trace_id: string | null; span_id: string | null;
}
export interface DeadLetter extends Hiding {
  id: number; subscription: string; event: CloudEvent; reason: string; status: number | null; response?: string; attempts: number;
  history: Attempt[]; accepted_at: string; died_at: string; traceparent: string | null;
}
export type Outcome = "delivered" | "retry" | "dead" | "gone";
export const OUTCOMES: readonly Outcome[] = ["delivered", "retry", "dead", "gone"];
export interface Delivery extends Hiding {
  id: number; subscription: string; event_source: string; event_id: string; event_type: string; attempt: number; at: string; seconds: number;
  status: number | null; outcome: Outcome; reason: string; response?: string; trace_id: string | null;
}
export interface Replay {
  id: number; subscription: string; types: string[]; from: string; to: string; event: string | null; state: string; reason: string | null;
  read: number; replayed: number; created_at: string; finished_at: string | null;
}
export interface Scheduled { id: number; due_at: string; sender: string; event: CloudEvent; created_at: string }

/** What a list of deliveries or dead letters is narrowed to. */
export interface Filter { subscription?: string; type?: string; outcome?: string; event?: string; since?: string; cursor?: string }

type Items<T> = Promise<T[]>;
const items = async <T>(path: string, signal?: AbortSignal): Items<T> => (await get<{ items: T[] }>(path, {}, signal)).items;

export const topology = (type: string | undefined, signal?: AbortSignal): Promise<Topology> => get("rio/topology", { type }, signal);
export const schemas = (signal?: AbortSignal): Items<Schema> => items("rio/schemas", signal);
export const subscriptions = (signal?: AbortSignal): Items<Subscription> => items("rio/subscriptions", signal);
export const deliveries = (filter: Filter, limit: number, signal?: AbortSignal): Promise<Page<Delivery>> =>
  get("rio/deliveries", { ...filter, limit }, signal);
export const deadLetters = (filter: Filter, limit: number, signal?: AbortSignal): Promise<Page<DeadLetter>> =>
  get("rio/dead-letters", { ...filter, limit }, signal);
export const deadLetter = (id: number, signal?: AbortSignal): Promise<DeadLetter> => get(`rio/dead-letters/${id}`, {}, signal);
export const replays = (signal?: AbortSignal): Promise<Page<Replay>> => get("rio/replays", { limit: 50 }, signal);
export const scheduled = (signal?: AbortSignal): Promise<Page<Scheduled>> => get("rio/scheduled", { limit: 100 }, signal);
export const tail = (type: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> => open("rio/tail", { type }, signal);

/** The trace id of a `traceparent`. */
export const traceIdOf = (traceparent: string | null | undefined): string | undefined =>
  /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(traceparent ?? "")?.[1];
