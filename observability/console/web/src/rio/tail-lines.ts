/** The lines of Rio's live tail. */
import type { CloudEvent } from "../stores/rio.ts";

export interface TailEvent { event: CloudEvent; accepted_at: string; traceparent?: string }
/** An event; or how many came too fast to be shown; nothing of a heartbeat. */
export type TailLine = TailEvent | { dropped: number };

/** Read lines as they come, until the stream ends or is cancelled. */
export async function readLines(stream: ReadableStream<Uint8Array>, take: (line: TailLine) => void): Promise<void> {
  const reader = stream.pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
  let begun = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (begun + value).split("\n");
    begun = lines.pop()!;
    for (const text of lines) {
      const line = parsed(text);
      if (line) take(line);
    }
  }
}

export function parsed(text: string): TailLine | undefined {
  if (text.trim() === "") return undefined;
  const line = JSON.parse(text) as Record<string, unknown>;
  return "event" in line || "dropped" in line ? line as unknown as TailLine : undefined;
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
