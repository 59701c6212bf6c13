/** That something is there and not shown. */
import type { Hiding } from "../stores/rio.ts";

const WORDS: Record<string, string> = { data: "data", data_base64: "data", response: "the receiver's answer", body: "the receiver's answer" };

export function HiddenNote({ of: { hidden } }: { of: Hiding }) {
  if (!hidden || hidden.length === 0) return null;
  const what = [...new Set(hidden.map((name) => WORDS[name] ?? name))].join(", ");
  return <span class="hidden-note">{what} hidden: shown in <a href="/operate">operate mode</a></span>;
}
