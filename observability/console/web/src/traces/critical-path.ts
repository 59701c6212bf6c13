/** What the end of a trace, or of its first request, waited for. */
import { endOf, type Trace } from "./trace.ts";

/** A part of a span. */
export interface Segment {
  span: number;
  from: number;
  to: number;
}

/** Whether the path leads to the end of all spans, or only to that of the first: what its caller waited for. */
export type Target = "trace" | "request";

/** How far clocks may disagree: nginx tells times in whole milliseconds. */
const SKEW = 2_000;

/**
 * The parts of spans that decided when the target was over: shortening any other part would not have ended it
 * sooner. Found from the end backwards: of a span's children, the one that ended last before the moment
 * reached, then the one that ended last before that one began.
 */
export function criticalPath(trace: Trace, target: Target = "trace"): Segment[] {
  const ends = target === "trace" ? endsOfTrees(trace) : trace.spans.map(endOf);
  const segments: Segment[] = [];
  const root = latestRoot(trace, ends, target);
  const waiting = root === undefined ? [] : [{ index: root, since: -Infinity, until: ends[root]! }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const span = trace.spans[next.index]!;
    let until = next.until;
    // A child whose clock is behind counts from its parent's start.
    const since = Math.max(next.since, span.start);
    const own = (begin: number): void => {
      const from = Math.max(begin, since);
      const to = Math.min(until, endOf(span));
      if (to > from) segments.push({ span: span.index, from, to });
    };
    const children = [...span.children].sort((a, b) => ends[b]! - ends[a]!);
    for (const index of children) {
      const child = trace.spans[index]!;
      const end = Math.min(ends[index]!, until);
      // What went on beside the path, or after it, decided nothing.
      if (ends[index]! > until + SKEW || child.start >= until || end <= since) continue;
      own(end);
      waiting.push({ index, since, until: end });
      until = Math.max(child.start, since);
    }
    own(since);
  }
  return segments.sort((a, b) => a.from - b.from || a.span - b.span);
}

/** Of each span, when the last span of the tree below it ended. */
function endsOfTrees({ spans }: Trace): number[] {
  const ends = spans.map(endOf);
  for (let at = spans.length - 1; at >= 0; at--) {
    const { parent } = spans[at]!;
    if (parent !== undefined) ends[parent] = Math.max(ends[parent]!, ends[at]!);
  }
  return ends;
}

function latestRoot({ spans }: Trace, ends: readonly number[], target: Target): number | undefined {
  const roots = spans.filter(({ parent }) => parent === undefined).map(({ index }) => index);
  if (target === "request") return roots[0];
  return roots.sort((a, b) => ends[b]! - ends[a]!)[0];
}
