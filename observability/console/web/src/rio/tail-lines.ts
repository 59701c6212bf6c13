/** The lines of Rio's live tail. */
import type { CloudEvent } from "../stores/rio.ts";

export interface TailEvent { event: CloudEvent; accepted_at: string; traceparent?: string }
/** An event; or how many came too fast to be shown; nothing of a heartbeat. */
export type TailLine = TailEvent | { dropped: number };

/** What a line says; undefined for heartbeats. */
export function tailLine(line: unknown): TailLine | undefined {
  const said = line as Record<string, unknown>;
  return "event" in said || "dropped" in said ? line as TailLine : undefined;
}

/** A line with a number that none of the lines beside it has. */
export interface Numbered { number: number; line: TailLine }

/** What is kept of the newest lines, newest first; lines that came too fast are counted together. */
export function kept(before: readonly Numbered[], line: TailLine, most: number): Numbered[] {
  const [first] = before, number = (first?.number ?? 0) + 1;
  if ("dropped" in line && first && "dropped" in first.line) {
    return [{ number: first.number, line: { dropped: first.line.dropped + line.dropped } }, ...before.slice(1)];
  }
  return [{ number, line }, ...before].slice(0, most);
}
