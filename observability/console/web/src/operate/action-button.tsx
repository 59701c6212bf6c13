/** A button of operate mode: it asks once, in a dialog that says what will happen. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ErrorNote } from "../components/notes.tsx";
import { announce } from "./actions.ts";
import { useSession } from "./session.ts";

export interface ActionProps {
  /** The button's word. */
  label: string;
  /** The dialog's heading: the question. */
  question: string;
  /** What will happen, and what will not. */
  children: ComponentChildren;
  /** Does it; what it gives is announced. */
  run: () => Promise<string>;
  /** Called once it was done. */
  onDone?: () => void;
  /** Whether it cannot be undone. */
  isDestructive?: boolean;
  /** Whether what the dialog asks for is complete. */
  isReady?: boolean;
}

/** The button; nothing where the browser is not in operate mode. */
export function ActionButton(props: ActionProps) {
  const { open } = useSession(), [isAsking, setAsking] = useState(false), button = useRef<HTMLButtonElement>(null);
  const close = (): void => { setAsking(false); button.current?.focus(); };
  if (!open) return null;
  return <>
    <button ref={button} class={props.isDestructive ? "act destructive" : "act"} aria-haspopup="dialog" onClick={() => setAsking(true)}>{props.label}</button>
    {isAsking && <Question {...props} close={close} />}
  </>;
}

function Question({ label, question, children, run, onDone, isDestructive, isReady = true, close }: ActionProps & { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null), [isRunning, setRunning] = useState(false), [error, setError] = useState<Error>();
  useEffect(() => { dialog.current?.showModal(); }, []);
  const confirm = async (event: Event): Promise<void> => {
    event.preventDefault();
    setRunning(true);
    setError(undefined);
    try {
      announce(await run());
      close();
      onDone?.();
    } catch (failure) {
      setError(failure as Error);
      setRunning(false);
    }
  };
  return <dialog ref={dialog} class="question" aria-label={question} onClose={close} onClick={(event) => event.stopPropagation()}>
    <form onSubmit={(event) => void confirm(event)}>
      <h2>{question}</h2>
      {children}
      <ErrorNote error={error} />
      <div class="answers">
        <button type="button" onClick={close}>Cancel</button>
        <button type="submit" class={isDestructive ? "act destructive" : "act"} disabled={isRunning || !isReady}>{isRunning ? "…" : label}</button>
      </div>
    </form>
  </dialog>;
}
