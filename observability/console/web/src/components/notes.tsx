/** What is shown in place of content. */
import type { ComponentChildren } from "preact";

/** Why something is not there. */
export function ErrorNote({ error }: { error: Error | undefined }) {
  return error ? <p class="note error" role="alert">{error.message}</p> : null;
}

/** That there is nothing, and why. */
export function EmptyNote({ children }: { children: ComponentChildren }) {
  return <p class="note">{children}</p>;
}

/** What a store left out of its answer. */
export function Warnings({ warnings }: { warnings: readonly string[] }) {
  return warnings.length > 0 ? <ul class="note warning">{warnings.map((text) => <li key={text}>{text}</li>)}</ul> : null;
}
