/** Silencing an alert, and ending a silence: in operate mode. */
import { useState } from "preact/hooks";
import { act } from "../operate/actions.ts";
import { ActionButton } from "../operate/action-button.tsx";
import type { Silence } from "../stores/alertmanager.ts";
import { type ActiveAlert, condition } from "./active.ts";

/** How long a silence lasts, seconds. */
const DURATIONS: readonly [string, number][] = [["30 minutes", 1800], ["1 hour", 3600], ["4 hours", 14_400], ["1 day", 86_400], ["7 days", 604_800]];
const USUAL_SECONDS = 3600;

export function SilenceButton({ alert }: { alert: ActiveAlert }) {
  const [seconds, setSeconds] = useState(USUAL_SECONDS), [comment, setComment] = useState("");
  const matchers = Object.entries(alert.labels).map(([name, value]) => ({ name, value, isRegex: false, isEqual: true }));
  const run = async (): Promise<string> => {
    await act("alertmanager/silences", { matchers, duration_seconds: seconds, comment: comment.trim() });
    return `${alert.name} is silenced`;
  };
  return <ActionButton label="Silence" question={`Silence ${alert.name}?`} run={run} isReady={comment.trim() !== ""}>
    <p>Alertmanager sends nothing of alerts with exactly these labels: <code>{condition({ matchers })}</code>. The alert goes on to fire, and is shown as silenced.</p>
    <label class="field">For <select value={String(seconds)} onChange={(event) => setSeconds(Number(event.currentTarget.value))}>
      {DURATIONS.map(([text, value]) => <option key={value} value={String(value)}>{text}</option>)}
    </select></label>
    <label class="field">Why <input value={comment} maxLength={500} required onInput={(event) => setComment(event.currentTarget.value)} /></label>
  </ActionButton>;
}

export function EndSilenceButton({ silence }: { silence: Silence }) {
  const run = async (): Promise<string> => {
    await act(`alertmanager/silences/${silence.id}/expire`);
    return "The silence has ended";
  };
  return <ActionButton label="End silence" question="End this silence?" run={run}>
    <p>Alerts with <code>{condition(silence)}</code> that fire are sent again.</p>
  </ActionButton>;
}
