/** What differs between two traces. */
import { selfTimes } from "./self-time.ts";
import type { Trace } from "./trace.ts";

/** One side's spans of a row. */
export interface Side {
  count: number;
  failed: number;
  /** Microseconds; spans in each other count each. */
  total: number;
  self: number;
}

/** Spans of the same service and operation below the same ones, in both traces. */
export interface Compared {
  service: string;
  name: string;
  level: number;
  left: Side | undefined;
  right: Side | undefined;
}

interface Node {
  service: string;
  name: string;
  left: Side | undefined;
  right: Side | undefined;
  children: Map<string, Node>;
}

/** Both traces laid over each other: spans stand for one another where all above them are of the same names. */
export function compare(left: Trace, right: Trace): Compared[] {
  const top = node("", "");
  lay(left, "left", top);
  lay(right, "right", top);
  const rows: Compared[] = [];
  const waiting = [...top.children.values()].reverse().map((found) => ({ found, level: 0 }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const {
      found: { service, name, left: before, right: after, children },
      level,
    } = next;
    rows.push({ service, name, level, left: before, right: after });
    for (const found of [...children.values()].reverse()) waiting.push({ found, level: level + 1 });
  }
  return rows;
}

const node = (service: string, name: string): Node => ({
  service,
  name,
  left: undefined,
  right: undefined,
  children: new Map(),
});
const keyOf = ({ service, name }: { service: string; name: string }): string => JSON.stringify([service, name]);

function lay(trace: Trace, side: "left" | "right", top: Node): void {
  const selfs = selfTimes(trace);
  const nodes: Node[] = [];
  for (const span of trace.spans) {
    const { children } = span.parent === undefined ? top : nodes[span.parent]!;
    const key = keyOf(span);
    const found = children.get(key) ?? node(span.service, span.name);
    children.set(key, found);
    nodes.push(found);
    const sum = (found[side] ??= { count: 0, failed: 0, total: 0, self: 0 });
    sum.count++;
    sum.failed += span.isFailed ? 1 : 0;
    sum.total += span.duration;
    sum.self += selfs[span.index]!;
  }
}
