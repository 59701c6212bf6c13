/** What the platform says of itself. */
import { get } from "./http.ts";

export interface Instance { instance: string; show_payloads: boolean }
export interface ProcessState { name: string; state: string; ready: boolean | null; restarts: number; age_seconds: number; exit_code: number }
/** What the catalog says of a service; `processes` are the names of its instances. */
export interface CatalogService {
  name: string; description: string; framework: string; instances: number; processes: string[];
  database: string | null; emits: string[]; subscriptions: { type: string; path: string }[];
}
/** A part of the platform itself: gateway, nginx, relay, Rio, console. */
export interface CatalogHop { name: string; description: string; processes: string[] }
/** `calls` are the permitted ones, client and server; a database is called by its system. */
export interface Catalog { services: CatalogService[]; hops: CatalogHop[]; calls: [string, string][] }
/** One run of a command that changes the instance; times are ISO 8601. `failed` says why it did not come to its end. */
export interface Deployment { started: string; ended: string; command: string; changes: string[]; failed: string | null }
export interface DashboardEntry { uid: string; title: string; tags: string[] }

export const instance = (signal?: AbortSignal): Promise<Instance> => get("instance", {}, signal);
export const dashboards = async (signal?: AbortSignal): Promise<DashboardEntry[]> =>
  (await get<{ dashboards: DashboardEntry[] }>("dashboards", {}, signal)).dashboards;
export const processes = async (signal?: AbortSignal): Promise<ProcessState[]> =>
  (await get<{ processes: ProcessState[] }>("platform/status", {}, signal)).processes;
export const catalog = (signal?: AbortSignal): Promise<Catalog> => get("platform/catalog", {}, signal);
/** The deploys that were written down, oldest first; undefined where none are. */
export const deployments = async (signal?: AbortSignal): Promise<Deployment[] | undefined> =>
  (await get<{ deployments: Deployment[] | null }>("platform/deployments", {}, signal)).deployments ?? undefined;
