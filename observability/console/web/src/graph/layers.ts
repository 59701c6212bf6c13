/** A graph in layers: nodes in even ones, labels of edges in odd ones, and a place in each layer for what passes it. */
import { type Arc, closingEdges, ranks } from "./ranks.ts";
import type { Size } from "./shapes.ts";

/** Something that has a place in a layer: a node, the label of an edge, or an edge that passes. */
export interface Item {
  kind: "node" | "label" | "passing";
  size: Size;
  before: Item[];
  after: Item[];
  /** Its middle, across the direction in which the layers follow each other. */
  centre: number;
}

/** An edge as the items from layer to layer; `isTurned` where it leads against the layers' direction. */
export interface Chain { id: string; items: Item[]; isTurned: boolean }
export interface Layered { layers: Item[][]; chains: Chain[]; nodes: Map<string, Item> }
export interface LabelledArc extends Arc { label?: Size | undefined }

const PASSING: Size = { width: 0, height: 4 };

/** Layers of nodes of these sizes; edges are between different nodes that there are. */
export function inLayers(sizes: ReadonlyMap<string, Size>, edges: readonly LabelledArc[]): Layered {
  const ids = [...sizes.keys()], closing = closingEdges(ids, edges);
  const arcs = edges.map((edge) => closing.has(edge.id) ? { ...edge, from: edge.to, to: edge.from } : edge);
  const rank = ranks(ids, arcs), nodes = new Map(ids.map((id) => [id, item("node", sizes.get(id)!)]));
  const count = Math.max(-1, ...rank.values()) * 2 + 1;
  const layers: Item[][] = Array.from({ length: Math.max(0, count) }, () => []);
  for (const [id, node] of nodes) layers[rank.get(id)! * 2]!.push(node);
  const chains = arcs.map(({ id, from, to, label }) => {
    const first = rank.get(from)! * 2, last = rank.get(to)! * 2, middle = odd((first + last) / 2);
    const items = [nodes.get(from)!];
    for (let at = first + 1; at < last; at++) {
      const one = at === middle && label ? item("label", label) : item("passing", PASSING);
      layers[at]!.push(one);
      items.push(one);
    }
    items.push(nodes.get(to)!);
    link(items);
    return { id, items, isTurned: closing.has(id) };
  });
  return { layers, chains, nodes };
}

const item = (kind: Item["kind"], size: Size): Item => ({ kind, size, before: [], after: [], centre: 0 });
const odd = (middle: number): number => middle % 2 === 1 ? middle : middle - 1;

function link(items: readonly Item[]): void {
  for (let at = 1; at < items.length; at++) {
    items[at]!.before.push(items[at - 1]!);
    items[at - 1]!.after.push(items[at]!);
  }
}
