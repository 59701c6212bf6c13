/** Whether the platform is well, in a word and a few sentences. */
import { type ActiveAlert, isCall } from "../alerts/active.ts";
import { type Health, type State, worst } from "../map/health.ts";
import type { ProcessState } from "../stores/platform.ts";

export interface Verdict { state: State; sentence: string; points: string[] }

export interface Facts {
  alerts: readonly ActiveAlert[];
  /** The parts of the service graph that Prometheus knows, by name. */
  health: readonly (readonly [string, Health])[];
  /** Undefined where the supervisor is not known. */
  processes: readonly ProcessState[] | undefined;
}

/** Alerting works as long as this one fires. */
const WATCHDOG = "Watchdog";
/** States of a process, in the supervisor's words, that are as they should be. */
const RIGHT = new Set(["Running", "Completed", "Skipped"]);

export function verdict({ alerts, health, processes = [] }: Facts): Verdict {
  const firing = alerts.filter((alert) => alert.standing === "firing" && isCall(alert));
  const isWatched = alerts.some(({ name, standing }) => name === WATCHDOG && standing !== "pending");
  const known = health.filter(([, { state }]) => state !== "unknown"), unwell = known.filter(([, { state }]) => state !== "good");
  const broken = processes.filter(isWrong), states: State[] = [
    ...firing.map(({ labels }): State => labels.severity === "critical" ? "bad" : "warning"),
    ...known.map(([, { state }]) => state), ...(broken.length > 0 ? ["warning" as const] : []), ...(isWatched ? [] : ["bad" as const]),
  ];
  return {
    state: worst(states), sentence: sentence(firing.length, unwell.length + broken.length, isWatched),
    points: [
      unwell.length === 0 ? `${known.length} ${known.length === 1 ? "part" : "parts"} well` : `not well: ${unwell.map(([name]) => name).join(", ")}`,
      ...(broken.length > 0 ? [`processes not as they should be: ${broken.map(({ name, state, ready }) => `${name} (${ready === false ? "not ready" : state.toLowerCase()})`).join(", ")}`] : []),
      ...standingCounts(alerts),
      isWatched ? "alerts get through" : "the Watchdog does not fire: alerts do not get through",
    ],
  };
}

const isWrong = ({ state, ready, exit_code: code }: ProcessState): boolean =>
  !RIGHT.has(state) || (state === "Running" && ready === false) || (state === "Completed" && code !== 0);

function sentence(firing: number, unwell: number, isWatched: boolean): string {
  if (!isWatched) return "Alerting does not work";
  if (firing > 0) return firing === 1 ? "One alert fires" : `${firing} alerts fire`;
  return unwell > 0 ? "No alert fires, and not all is well" : "All is well";
}

function standingCounts(alerts: readonly ActiveAlert[]): string[] {
  return (["pending", "silenced", "inhibited"] as const).flatMap((standing) => {
    const count = alerts.filter((alert) => alert.standing === standing).length;
    return count === 0 ? [] : `${count} ${standing}`;
  });
}
