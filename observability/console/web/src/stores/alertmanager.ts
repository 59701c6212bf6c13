/** Alertmanager's HTTP API, as far as the console lets it through. */
import { get } from "./http.ts";
import type { Labels } from "./prometheus.ts";

/** `inhibitedBy` are fingerprints of alerts, `silencedBy` ids of silences. */
export interface AlertStatus { state: "unprocessed" | "active" | "suppressed"; inhibitedBy: string[]; silencedBy: string[] }
export interface ReceivedAlert {
  fingerprint: string; labels: Labels; annotations: Labels; startsAt: string; endsAt: string; status: AlertStatus;
}
export interface Matcher { name: string; value: string; isRegex: boolean; isEqual: boolean }
export interface Silence {
  id: string; comment: string; createdBy: string; startsAt: string; endsAt: string; matchers: Matcher[];
  status: { state: "active" | "pending" | "expired" };
}

/** Every alert that Alertmanager has and that has not ended: sent, silenced or inhibited. */
export const alerts = (signal?: AbortSignal): Promise<ReceivedAlert[]> => get("alertmanager/alerts", {}, signal);

/** Every silence that it keeps, those that have ended included. */
export const silences = (signal?: AbortSignal): Promise<Silence[]> => get("alertmanager/silences", {}, signal);
