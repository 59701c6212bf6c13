/** What the home page asks for. */
import { ERROR_LINES, newestErrors } from "./errors.ts";
import * as queries from "../queries.ts";
import { lines } from "../stores/loki.ts";
import { deployments, processes } from "../stores/platform.ts";
import { query, queryRange, type Sample } from "../stores/prometheus.ts";
import { type Asked, useAnswer } from "../use-answer.ts";
import { routeSignals, type RouteSignals } from "./routes.ts";
import type { Fullness } from "./route-table.tsx";
import { type Change, changesOf, startsOf } from "./starts.ts";
import type { TraceErrors } from "./errors.ts";

const HOUR = 3_600_000, DAY = 24 * HOUR;
/** Of two starts within a step Prometheus shows the later one. */
const STARTS_STEP = 300_000;
const MINUTE = 60_000;
const LINES = 300;

export function useRoutes(at: number): Asked<{ routes: RouteSignals[]; fullness: Fullness }> {
  return useAnswer(async (signal) => {
    const asked = [queries.routeRequests, queries.routeErrors, queries.routeDuration(0.5), queries.routeDuration(0.95), queries.saturation, queries.shed];
    const found = (await Promise.all(asked.map((one) => query(one, at, signal)))).map(({ result }) => result) as [Sample[], Sample[], Sample[], Sample[], Sample[], Sample[]];
    const [requests, errors, p50, p95, inProgress, shed] = found;
    return {
      routes: routeSignals({ requests, errors, p50, p95 }),
      fullness: { inProgress: inProgress.map(({ metric, value }) => ({ service: metric.service ?? "", value: Number(value[1]) })), shed: Number(shed[0]?.value[1] ?? 0) },
    };
  }, [at]);
}

/** Deploys and starts of the last day, asked for once a minute. */
export function useChanges(at: number): Asked<{ changes: Change[]; isRecorded: boolean }> {
  const minute = Math.floor(at / MINUTE);
  return useAnswer(async (signal) => {
    const [{ result }, recorded, running] = await Promise.all([
      queryRange(queries.starts, { from: at - DAY, to: at }, STARTS_STEP, signal), deployments(signal), processes(signal).catch(() => undefined),
    ]);
    const { result: current } = await query(queries.starts, at, signal);
    const series = [...result, ...current.map(({ metric, value }) => ({ metric, values: [value] }))];
    const changes = changesOf(startsOf(series, running, at), recorded, running).filter((change) => change.at > at - DAY);
    return { changes, isRecorded: recorded !== undefined };
  }, [minute]);
}

export function useNewestErrors(at: number): Asked<TraceErrors[]> {
  return useAnswer(async (signal) => newestErrors((await lines(ERROR_LINES, { from: at - HOUR, to: at }, LINES, "backward", signal)).lines), [at]);
}
