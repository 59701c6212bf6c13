/** Rio's topology as a graph that can be drawn. */
import type { GraphEdge, GraphNode } from "../graph/graph.tsx";
import type { NodeKind, Topology, TopologyEdge } from "../stores/rio.ts";

const KINDS: Record<NodeKind, string> = { emitter: "emits", type: "event type", subscription: "subscription", sink: "receives" };

/** Where a node of the picture leads to; undefined for those that lead nowhere. */
export type Link = (kind: NodeKind, name: string) => string | undefined;

export function nodesOf({ nodes }: Topology, current: string | undefined, link: Link): GraphNode[] {
  return nodes.map(({ id, kind, name }) => ({
    id, name, detail: KINDS[kind], look: kind, href: link(kind, name), isCurrent: kind === "type" && name === current,
    title: `${name} ${KINDS[kind]}`,
  }));
}

export function edgesOf({ edges }: Topology): GraphEdge[] {
  const most = Math.max(1, ...edges.map(({ seen }) => seen));
  return edges.map((edge) => ({
    id: `${edge.from}>${edge.to}`, from: edge.from, to: edge.to, weight: edge.seen / most,
    lines: labelOf(edge), look: lookOf(edge), title: `${edge.from} to ${edge.to}: ${meaning(edge)}`,
  }));
}

/** What an edge says in words. From a sink to what its service emits no events flow: it is one service. */
export function meaning({ from, declared, seen }: TopologyEdge): string {
  if (from.startsWith("sink:")) return "the same service";
  if (!declared) return `${events(seen)} in the last hour, not declared`;
  return seen > 0 ? `declared, ${events(seen)} in the last hour` : "declared, no event in the last hour";
}

const events = (count: number): string => count === 1 ? "1 event" : `${count} events`;

function labelOf({ from, declared, seen }: TopologyEdge): string[] {
  if (from.startsWith("sink:")) return [];
  return declared ? seen > 0 ? [String(seen)] : [] : [String(seen), "undeclared"];
}

const lookOf = ({ from, declared, seen }: TopologyEdge): string =>
  from.startsWith("sink:") ? "idle marked" : !declared ? "warning" : seen > 0 ? "" : "idle";
