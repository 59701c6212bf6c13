/** What can be done to a subscription in operate mode. */
import { useState } from "preact/hooks";
import { ActionButton } from "../operate/action-button.tsx";
import { act } from "../operate/actions.ts";
import { duration } from "../time.ts";
import type { Replay, Subscription } from "../stores/rio.ts";

const SINCE = ["15m", "1h", "3h", "6h", "12h", "24h", "7d"];

interface Props { id: string; onDone: () => void }

export function PauseButton({ id, onDone }: Props) {
  const [reason, setReason] = useState("");
  const run = async (): Promise<string> => {
    await act(`rio/subscriptions/${encodeURIComponent(id)}/pause`, reason ? { reason } : {});
    return `Paused ${id}`;
  };
  return <ActionButton label="Pause" question={`Pause ${id}?`} run={run} onDone={onDone}>
    <p>Its events are queued and wait; nothing is delivered until it is resumed. Beyond the bound of what may wait, the oldest become dead letters.</p>
    <label class="field">Reason <input maxLength={500} value={reason} onInput={(event) => setReason(event.currentTarget.value)} /></label>
  </ActionButton>;
}

export function ResumeButton({ id, onDone }: Props) {
  const run = async (): Promise<string> => {
    await act(`rio/subscriptions/${encodeURIComponent(id)}/resume`);
    return `Resumed ${id}`;
  };
  return <ActionButton label="Resume" question={`Resume ${id}?`} run={run} onDone={onDone}>
    <p>What waits is delivered first, then what comes.</p>
  </ActionButton>;
}

export function ReplayButton({ subscription: { id, types } }: { subscription: Subscription }) {
  const [since, setSince] = useState("1h"), [type, setType] = useState("");
  const run = async (): Promise<string> => {
    const from = new Date(Date.now() - duration(since)!).toISOString();
    const { id: number } = await act<Replay>("rio/replays", { subscription: id, from, ...(type ? { types: [type] } : {}) });
    return `Replay ${number} to ${id} has begun`;
  };
  return <ActionButton label="Replay" question={`Send past events to ${id} again?`} run={run}>
    <p>Events that the log still holds are delivered to this subscription alone, as new deliveries: its receiver acts on each once more.</p>
    <label class="field">Accepted in the last <select value={since} onChange={(event) => setSince(event.currentTarget.value)}>
      {SINCE.map((text) => <option key={text}>{text}</option>)}
    </select></label>
    <label class="field">Event type <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
      <option value="">all of its types</option>
      {types.map((name) => <option key={name}>{name}</option>)}
    </select></label>
  </ActionButton>;
}
