/** The service graph and the health of its parts, asked for. */
import { useMemo } from "preact/hooks";
import type { ActiveAlert } from "../alerts/active.ts";
import * as queries from "../queries.ts";
import { catalog } from "../stores/platform.ts";
import { query } from "../stores/prometheus.ts";
import type { Range } from "../time.ts";
import { useAnswer } from "../use-answer.ts";
import { type Health, healthOf } from "./health.ts";
import { serviceGraph, type ServiceGraph } from "./service-graph.ts";

const LEAST_WINDOW = 60_000;
const SECOND = 1e3;

export interface FollowedGraph {
  graph: ServiceGraph | undefined;
  health: (name: string) => Health;
  /** Over how much time rates are, milliseconds. */
  window: number;
  errors: Error[];
}

/** Calls over a range, and the health at its end. Where the catalog cannot be had nothing is held against it. */
export function useServiceGraph(range: Range, alerts: readonly ActiveAlert[] | undefined): FollowedGraph {
  const window = Math.max(LEAST_WINDOW, Math.round((range.to - range.from) / SECOND) * SECOND), at = range.to;
  const known = useAnswer(catalog, []);
  const called = useAnswer(async (signal) => {
    const { requests, failed, p95 } = queries.calls(window);
    const found = await Promise.all([requests, failed, p95].map((one) => query(one, at, signal)));
    return { requests: found[0]!.result, failed: found[1]!.result, p95: found[2]!.result };
  }, [at, window]);
  const signs = useAnswer(async (signal) => {
    const found = await Promise.all([queries.up, queries.ready, queries.databasesReached].map((one) => query(one, at, signal)));
    return { up: found[0]!.result, ready: found[1]!.result, databases: found[2]!.result };
  }, [at]);
  const isCatalogSettled = known.answer !== undefined || known.error !== undefined;
  const graph = useMemo(
    () => called.answer && isCatalogSettled ? serviceGraph(called.answer, known.answer) : undefined,
    [called.answer, known.answer, isCatalogSettled]);
  const health = (name: string): Health => signs.answer
    ? healthOf(name, { ...signs.answer, alerts: alerts ?? [] })
    : { state: "unknown", reasons: ["Its health is not known"] };
  return { graph, health, window, errors: [called.error, signs.error, known.error].flatMap((error) => error ?? []) };
}
