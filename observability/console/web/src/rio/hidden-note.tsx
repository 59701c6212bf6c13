/** That something is there and not shown. */
import type { Hiding } from "../stores/rio.ts";

const WORDS: Record<string, string> = { data: "data", data_base64: "data", response: "answer", body: "answer" };

export function HiddenNote({ of: { hidden } }: { of: Hiding }) {
  if (!hidden || hidden.length === 0) return null;
  const what = [...new Set(hidden.map((name) => WORDS[name] ?? name))].join(", ");
  return <a class="hidden-note" href="/operate" title="Event bodies and what receivers answer to them are shown in operate mode">{what} hidden</a>;
}
