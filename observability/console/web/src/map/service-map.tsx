/** The service graph as a picture. */
import { durationText, rateText, shareText } from "../components/figures.ts";
import { Graph, type GraphEdge, type GraphNode } from "../graph/graph.tsx";
import { href } from "../router.ts";
import type { Health, State } from "./health.ts";
import { type Call, type ServiceGraph, violation } from "./service-graph.ts";

const SIGNS: Record<State, string> = { good: "✓", warning: "!", bad: "✕", unknown: "?" };
/** A share of failed calls that is worth a colour. */
const MANY_FAILED = 0.05;

export interface ServiceMapProps {
  graph: ServiceGraph;
  health: (name: string) => Health;
  /** The part whose details are shown. */
  current?: string | undefined;
}

export function ServiceMap({ graph, health, current }: ServiceMapProps) {
  const most = Math.max(0, ...graph.calls.map(({ rate }) => rate));
  const nodes = graph.parts.map((part): GraphNode => {
    const { state, reasons } = health(part.name), detail = part.isKnown ? undefined : "not in the catalog";
    return {
      id: part.name, name: part.name, sign: SIGNS[state], look: state, detail, isCurrent: part.name === current,
      href: href({ path: "/map", node: part.name }), title: [`${part.name}: ${state}`, detail, ...reasons].filter(Boolean).join("; "),
    };
  });
  return <Graph label="Service map" nodes={nodes} edges={graph.calls.map((call) => edgeOf(call, graph, most))} />;
}

function edgeOf(call: Call, graph: ServiceGraph, most: number): GraphEdge {
  const { id, client, server, rate, failed, p95, permission } = call, isSeen = rate > 0, wrong = violation(call, graph);
  const lines = isSeen ? [rateText(rate), durationText(p95)] : [];
  if (failed > 0) lines.push(`${shareText(failed)} fail`);
  if (permission !== "permitted") lines.push(permission);
  const state = permission === "forbidden" || failed >= MANY_FAILED ? "bad" : permission === "unknown" || failed > 0 ? "warning" : isSeen ? "seen" : "idle";
  return {
    id, from: client, to: server, lines, weight: most > 0 ? rate / most : 0, look: wrong ? `${state} marked` : state,
    title: `${client} → ${server}: ${callText(call)}${wrong ? `; ${wrong}` : ""}`,
  };
}

/** A call in words. */
function callText({ rate, failed, p95, kind }: Call): string {
  if (rate === 0) return "no calls seen";
  return `${rateText(rate)}, ${shareText(failed)} fail, p95 ${durationText(p95)}${kind ? `, ${kind.replace("_", " ")}` : ""}`;
}
