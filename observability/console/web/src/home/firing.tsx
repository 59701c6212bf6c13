/** The alerts that fire: what, since when, about what, what to do. */
import { type ActiveAlert, isCall } from "../alerts/active.ts";
import { AlertCard } from "../alerts/alert-card.tsx";

export function Firing({ alerts, ruleCount, now }: { alerts: readonly ActiveAlert[]; ruleCount: number; now: number }) {
  const firing = alerts.filter((alert) => alert.standing === "firing" && isCall(alert));
  if (firing.length === 0) return <p class="faint none-there">None of {ruleCount} rules fires, the Watchdog apart, which always does.</p>;
  // What explains others is nearer to the cause.
  const sorted = [...firing].sort((a, b) => b.explains.length - a.explains.length);
  return <ul class="alert-list">{sorted.map((alert) => <AlertCard key={JSON.stringify(alert.labels)} alert={alert} now={now} />)}</ul>;
}
