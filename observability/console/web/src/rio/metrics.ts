/** What Prometheus knows of events and subscriptions, by their names. */
import { growth, query, type Sample } from "../stores/prometheus.ts";

/** Values of one label. A name that is missing has no value. */
export type Values = ReadonlyMap<string, number>;

export interface SubscriptionMetrics {
  backlog: Values; held: Values; oldest: Values; circuit: Values; deadLetters: Values; delivered: Values; failed: Values; duration: Values;
}

/** What rates are averages of. */
const OVER = "5m", OVER_SECONDS = 300;
const rateOf = (by: string, series: string): string => `sum by (${by}) (${growth(series, OVER)}) / ${OVER_SECONDS}`;
const QUERIES: Record<keyof SubscriptionMetrics, string> = {
  backlog: "sum by (subscription) (rabbitmq_detailed_queue_messages{subscription!=\"\"})",
  held: "max by (subscription) (rio_held_messages)",
  oldest: "max by (subscription) (rio_oldest_message_age_seconds)",
  circuit: "max by (subscription) (rio_circuit_state)",
  deadLetters: "max by (subscription) (rio_dead_letters)",
  delivered: rateOf("subscription", 'rio_deliveries_total{outcome="delivered"}'),
  failed: rateOf("subscription", 'rio_deliveries_total{outcome!="delivered"}'),
  duration: `histogram_quantile(0.95, sum by (subscription, le) (${growth("rio_delivery_attempt_duration_seconds_bucket", OVER)}))`,
};

/** What is known of each subscription now; one question to Prometheus each. */
export async function subscriptionMetrics(at: number, signal?: AbortSignal): Promise<SubscriptionMetrics> {
  const names = Object.keys(QUERIES) as (keyof SubscriptionMetrics)[];
  const answers = await Promise.all(names.map(async (name) => [name, valuesOf((await query(QUERIES[name], at, signal)).result, "subscription")] as const));
  return Object.fromEntries(answers) as unknown as SubscriptionMetrics;
}

/** Events accepted a second, by type. */
export const typeRates = async (at: number, signal?: AbortSignal): Promise<Values> =>
  valuesOf((await query(rateOf("type", "rio_events_accepted_total"), at, signal)).result, "type");

export function valuesOf(samples: readonly Sample[], label: string): Values {
  const found = samples.map(({ metric, value: [, text] }) => [metric[label] ?? "", Number(text)] as const);
  return new Map(found.filter(([, value]) => Number.isFinite(value)));
}

/** A rate of events for a person: a second, or a minute where it is slow. */
export function perTime(rate: number | undefined): string {
  if (rate === undefined) return "";
  if (rate === 0) return "0";
  return rate >= 1 ? `${Number(rate.toPrecision(3))}/s` : `${Number((rate * 60).toPrecision(2))}/min`;
}
