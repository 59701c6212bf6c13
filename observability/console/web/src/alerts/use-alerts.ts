/** The alerts of now, from Prometheus and Alertmanager. */
import { useMemo } from "preact/hooks";
import * as alertmanager from "../stores/alertmanager.ts";
import { type RuleGroup, rules } from "../stores/prometheus.ts";
import { useAnswer } from "../use-answer.ts";
import { type ActiveAlert, activeAlerts } from "./active.ts";

export interface Alerts {
  /** Undefined until Prometheus has answered, and Alertmanager has answered or failed. */
  alerts: ActiveAlert[] | undefined;
  groups: RuleGroup[] | undefined;
  /** Why something of it is not known. */
  errors: Error[];
}

/** Asks anew whenever `at` changes. */
export function useAlerts(at: number): Alerts {
  const found = useAnswer((signal) => rules("alert", signal), [at]);
  const received = useAnswer((signal) => alertmanager.alerts(signal), [at]);
  const silences = useAnswer((signal) => alertmanager.silences(signal), [at]);
  const isComplete = found.answer && (received.answer || received.error);
  const alerts = useMemo(
    () => isComplete ? activeAlerts(found.answer!, received.error ? undefined : received.answer, silences.answer) : undefined,
    [isComplete, found.answer, received.answer, received.error, silences.answer]);
  return { alerts, groups: found.answer, errors: [found.error, received.error, silences.error].flatMap((error) => error ?? []) };
}
