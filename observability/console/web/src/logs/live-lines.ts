/** What is kept of a live tail. */
import type { Line, Tailed } from "../stores/loki.ts";

export interface Live {
  /** Newest first. */
  lines: Line[];
  /** How many came too fast to be shown. */
  dropped: number;
}

export const NOTHING: Live = { lines: [], dropped: 0 };
/** Lines that are kept; older ones go. */
export const KEPT = 1_000;

/** With what came since, in the order in which it came. */
export function extended(live: Live, came: readonly Tailed[]): Live {
  const lines: Line[] = [];
  let { dropped } = live;
  for (const one of came) {
    if ("dropped" in one) dropped += one.dropped;
    else lines.push(one);
  }
  return { lines: [...lines.reverse(), ...live.lines].slice(0, KEPT), dropped };
}

/** Live lines before those that a query found, each once. */
export function joined(live: readonly Line[], found: readonly Line[]): Line[] {
  const known = new Set(live.map(nameOf));
  return [...live, ...found.filter((line) => !known.has(nameOf(line)))];
}

const nameOf = ({ nanoseconds, text, labels }: Line): string =>
  `${nanoseconds} ${labels.service_instance_id ?? ""} ${text}`;
