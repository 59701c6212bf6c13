/** Finding spans by a text. */
import type { Line } from "../stores/loki.ts";
import type { Span, Trace } from "./trace.ts";

/** Longest part of a value that is searched, characters. */
const SEARCHED = 10_000;

/** Indices of the spans that hold a text in their name, service, id, tags, events or lines; capitals do not count. */
export function matching(
  trace: Trace,
  text: string,
  linesOf: ReadonlyMap<string, readonly Line[]> = new Map(),
): number[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") return [];
  const holds = (part: string): boolean => part.slice(0, SEARCHED).toLowerCase().includes(wanted);
  return trace.spans
    .filter((span) => parts(span).some(holds) || (linesOf.get(span.id) ?? []).some((line) => holds(line.text)))
    .map(({ index }) => index);
}

function parts(span: Span): string[] {
  const tags = [...span.tags, ...span.process, ...span.events.flatMap(({ fields }) => fields)];
  return [
    span.name,
    span.service,
    span.id,
    span.kind,
    ...span.events.map(({ name }) => name),
    ...tags.map(({ key, value }) => `${key}=${String(value)}`),
  ];
}
