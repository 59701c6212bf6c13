/** What can be done to dead letters in operate mode. */
import { Name } from "../components/untrusted.tsx";
import { ActionButton } from "../operate/action-button.tsx";
import { act } from "../operate/actions.ts";
import type { DeadLetter } from "../stores/rio.ts";

interface Props { letter: DeadLetter; onDone: () => void }
interface Progress { done: number; kept: { id: number; reason: string }[] }

export function ReplayLetterButton({ letter: { id, subscription, event }, onDone }: Props) {
  const run = async (): Promise<string> => {
    await act(`rio/dead-letters/${id}/replay`);
    return `Dead letter ${id} is delivered to ${subscription} again`;
  };
  return <ActionButton label="Replay" question={`Replay dead letter ${id}?`} run={run} onDone={onDone}>
    <p>The event <code><Name text={event.type} /></code> goes into the queue of {subscription} again, with all its attempts anew. The dead letter is removed.</p>
  </ActionButton>;
}

export function DiscardButton({ letter: { id, subscription, event }, onDone }: Props) {
  const run = async (): Promise<string> => {
    await act(`rio/dead-letters/${id}/discard`);
    return `Discarded dead letter ${id}`;
  };
  return <ActionButton label="Discard" question={`Discard dead letter ${id}?`} run={run} onDone={onDone} isDestructive>
    <p>{subscription} never gets the event <code><Name text={event.type} /></code>. This cannot be undone.</p>
  </ActionButton>;
}

/** The same to all that are chosen. */
export function ManyButton({ what, ids, onDone }: { what: "replay" | "discard"; ids: readonly number[]; onDone: () => void }) {
  if (ids.length === 0) return null;
  const verb = what === "replay" ? "Replay" : "Discard", letters = ids.length === 1 ? "1 dead letter" : `${ids.length} dead letters`;
  const run = async (): Promise<string> => {
    const { done, kept } = await act<Progress>(`rio/dead-letters/${what}`, { ids });
    return `${verb}: ${done} done${kept.length > 0 ? `, ${kept.length} kept (${kept[0]!.reason})` : ""}`;
  };
  return <ActionButton label={`${verb} ${ids.length}`} question={`${verb} ${letters}?`} run={run} onDone={onDone} isDestructive={what === "discard"}>
    <p>{what === "replay"
      ? "Each event goes into the queue of its subscription again, with all its attempts anew."
      : "Their subscriptions never get these events. This cannot be undone."}</p>
  </ActionButton>;
}
