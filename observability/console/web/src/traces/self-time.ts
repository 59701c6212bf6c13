/** How long spans were at work themselves. */
import { endOf, type Span, type Trace } from "./trace.ts";

/** Of each span, in order, the microseconds in which none of its children ran; never below 0. */
export function selfTimes(trace: Trace): number[] {
  return trace.spans.map((span) => span.duration - covered(span, trace.spans));
}

/** Microseconds of a span in which at least one child ran. Children that start early or end late count within it. */
function covered(span: Span, spans: readonly Span[]): number {
  let sum = 0;
  let until = span.start;
  // Children are by their start.
  for (const index of span.children) {
    const child = spans[index]!;
    const from = Math.max(until, child.start);
    const to = Math.min(endOf(span), endOf(child));
    if (to <= from) continue;
    sum += to - from;
    until = to;
  }
  return sum;
}
