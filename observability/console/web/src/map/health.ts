/** How well each part of the platform is. */
import { type ActiveAlert, isCall } from "../alerts/active.ts";
import type { Sample } from "../stores/prometheus.ts";

export type State = "good" | "warning" | "bad" | "unknown";
/** The worst of what is known, and all of it in words. */
export interface Health { state: State; reasons: string[] }

/** Answers of Prometheus to `queries.up`, `queries.ready` and `queries.databasesReached`, and the alerts. */
export interface Signs { up: readonly Sample[]; ready: readonly Sample[]; databases: readonly Sample[]; alerts: readonly ActiveAlert[] }

/** In the service graph a database has a name of its own; alerts are about the process of all. */
const processOf = (name: string): string => name.startsWith("postgresql/") ? "postgres" : name;
const ORDER: readonly State[] = ["good", "unknown", "warning", "bad"];

/** The health of a part by the name it has in the service graph. */
export function healthOf(name: string, { up, ready, databases, alerts }: Signs): Health {
  const service = processOf(name), found: [State, string][] = [];
  found.push(...reached(up.filter(({ metric }) => metric.service === service)));
  found.push(...readiness(ready.filter(({ metric }) => metric.service === service)));
  if (service === "postgres") found.push(...reachedBy(databases));
  for (const alert of alerts) {
    if (alert.labels.service !== service || alert.standing === "pending" || !isCall(alert)) continue;
    const told = alert.standing === "firing" ? "" : ` (${alert.standing})`;
    // What another alert explains is not the culprit.
    const isBad = alert.labels.severity === "critical" && alert.standing !== "inhibited";
    found.push([isBad ? "bad" : "warning", `${alert.name}: ${alert.annotations.summary ?? "fires"}${told}`]);
  }
  if (found.length === 0) return { state: "unknown", reasons: ["Prometheus scrapes no process of this name"] };
  return { state: worst(found.map(([state]) => state)), reasons: found.map(([, reason]) => reason) };
}

const isOne = ({ value }: Sample): boolean => Number(value[1]) === 1;

function reached(samples: readonly Sample[]): [State, string][] {
  const all = samples.length, right = samples.filter(isOne).length;
  if (all === 0) return [];
  return [[right === all ? "good" : right === 0 ? "bad" : "warning", `${right} of ${all} ${all === 1 ? "process" : "processes"} up`]];
}

function readiness(samples: readonly Sample[]): [State, string][] {
  const all = samples.length, right = samples.filter(isOne).length;
  if (all === 0) return [];
  return [[right === all ? "good" : right === 0 ? "bad" : "warning", right === all ? "ready" : `${all - right} of ${all} not ready`]];
}

function reachedBy(samples: readonly Sample[]): [State, string][] {
  const all = samples.length, right = samples.filter(isOne).length;
  if (all === 0) return [];
  return [[right === all ? "good" : right === 0 ? "bad" : "warning", `reached by ${right} of ${all} processes that use it`]];
}

export const worst = (states: readonly State[]): State =>
  states.reduce<State>((found, state) => ORDER.indexOf(state) > ORDER.indexOf(found) ? state : found, "good");
