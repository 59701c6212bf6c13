/** What Prometheus knows of events and subscriptions, by their names. */
import { query, type Sample } from "../stores/prometheus.ts";

/** Values of one label. A name that is missing has no value. */
export type Values = ReadonlyMap<string, number>;

export interface SubscriptionMetrics {
  backlog: Values; held: Values; oldest: Values; circuit: Values; deadLetters: Values; delivered: Values; failed: Values; duration: Values;
}

const OVER = "[5m]";
const QUERIES: Record<keyof SubscriptionMetrics, string> = {
  backlog: "sum by (subscription) (rabbitmq_detailed_queue_messages{subscription!=\"\"})",
  held: "max by (subscription) (rio_held_messages)",
  oldest: "max by (subscription) (rio_oldest_message_age_seconds)",
  circuit: "max by (subscription) (rio_circuit_state)",
  deadLetters: "max by (subscription) (rio_dead_letters)",
  delivered: `sum by (subscription) (rate(rio_deliveries_total{outcome="delivered"}${OVER}))`,
  failed: `sum by (subscription) (rate(rio_deliveries_total{outcome!="delivered"}${OVER}))`,
  duration: `histogram_quantile(0.95, sum by (subscription, le) (rate(rio_delivery_attempt_duration_seconds_bucket${OVER})))`,
};

/** What is known of each subscription now; one question to Prometheus each. */
export async function subscriptionMetrics(at: number, signal?: AbortSignal): Promise<SubscriptionMetrics> {
  const names = Object.keys(QUERIES) as (keyof SubscriptionMetrics)[];
  const answers = await Promise.all(names.map(async (name) => [name, valuesOf((await query(QUERIES[name], at, signal)).result, "subscription")] as const));
  return Object.fromEntries(answers) as unknown as SubscriptionMetrics;
}

/** Events accepted a second, by type. */
export const typeRates = async (at: number, signal?: AbortSignal): Promise<Values> =>
  valuesOf((await query(`sum by (type) (rate(rio_events_accepted_total${OVER}))`, at, signal)).result, "type");

export function valuesOf(samples: readonly Sample[], label: string): Values {
  const found = samples.map(({ metric, value: [, text] }) => [metric[label] ?? "", Number(text)] as const);
  return new Map(found.filter(([, value]) => Number.isFinite(value)));
}
