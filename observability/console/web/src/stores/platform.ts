/** What the platform says of itself. */
import { get } from "./http.ts";

export interface Instance { instance: string; show_payloads: boolean }
export interface ProcessState { name: string; state: string; ready: boolean | null; restarts: number; age_seconds: number; exit_code: number }
export interface DashboardEntry { uid: string; title: string; tags: string[] }

export const instance = (signal?: AbortSignal): Promise<Instance> => get("instance", {}, signal);
export const dashboards = async (signal?: AbortSignal): Promise<DashboardEntry[]> =>
  (await get<{ dashboards: DashboardEntry[] }>("dashboards", {}, signal)).dashboards;
export const processes = async (signal?: AbortSignal): Promise<ProcessState[]> =>
  (await get<{ processes: ProcessState[] }>("platform/status", {}, signal)).processes;
