/** Golden signals by public route. */
import type { Sample } from "../stores/prometheus.ts";

export interface RouteSignals {
  service: string;
  route: string;
  /** Requests a second. */
  rate: number;
  /** Share of 5xx, 0 to 1. */
  errors: number;
  /** Seconds; undefined where nothing was asked. */
  p50: number | undefined;
  p95: number | undefined;
}
/** Answers of Prometheus to the queries of routes. */
export interface RouteSamples { requests: readonly Sample[]; errors: readonly Sample[]; p50: readonly Sample[]; p95: readonly Sample[] }

/** The edge as a whole first, then the routes of the gateway, the busiest first. */
export function routeSignals({ requests, errors, p50, p95 }: RouteSamples): RouteSignals[] {
  const failures = byRoute(errors), median = byRoute(p50), high = byRoute(p95);
  return [...byRoute(requests)].map(([key, rate]) => {
    const [service, route] = JSON.parse(key) as [string, string];
    return { service, route, rate, errors: rate > 0 ? (failures.get(key) ?? 0) / rate : 0, p50: finite(median.get(key)), p95: finite(high.get(key)) };
  }).sort((a, b) => Number(b.service === "edge-nginx") - Number(a.service === "edge-nginx") || b.rate - a.rate || (a.route < b.route ? -1 : 1));
}

const finite = (value: number | undefined): number | undefined => value !== undefined && Number.isFinite(value) ? value : undefined;
const byRoute = (samples: readonly Sample[]): Map<string, number> =>
  new Map(samples.map(({ metric: { service = "", http_route: route = "" }, value }) => [JSON.stringify([service, route]), Number(value[1])]));
