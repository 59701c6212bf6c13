/**
 * Layered layout of a directed graph (Sugiyama's method). Labels of edges have layers of their own between those of the
 * nodes, and an edge has a place in every layer that it passes: no node, label or passing edge lies on another.
 */
import { type Chain, inLayers, type Item, type LabelledArc } from "./layers.ts";
import { ordered } from "./order.ts";
import { type Point, type Rect, type Size, transposedPoint, transposedRect, transposedSize } from "./shapes.ts";
import { spread } from "./spread.ts";

export interface Box extends Size { id: string }
/** `points` are pairs: straight from the first to the second of a pair, curved from there to the next pair. */
export interface Route { points: Point[]; label?: Rect }
export interface Layout extends Size { nodes: Map<string, Rect>; edges: Map<string, Route> }
/** Where layers follow each other, and the distances between layers and between neighbours in a layer. */
export interface Style { direction: "right" | "down"; layerGap: number; gap: number }

const SWEEPS = 12;
const LOOP_GAP = 12;
const PORT_GAP = 9;
const CORNER = 6;

/** Place nodes and edges; edges of unknown nodes are left out. Sizes and results are in the same unit, from 0, 0 on. */
export function layout(boxes: readonly Box[], edges: readonly LabelledArc[], style: Style): Layout {
  if (style.direction === "right") return toTheRight(boxes, edges, style);
  const turnedBoxes = boxes.map((box) => ({ id: box.id, ...transposedSize(box) }));
  const turnedEdges = edges.map((edge) => ({ ...edge, label: edge.label && transposedSize(edge.label) }));
  return transposed(toTheRight(turnedBoxes, turnedEdges, style));
}

function toTheRight(boxes: readonly Box[], all: readonly LabelledArc[], { layerGap, gap }: Style): Layout {
  const known = new Set(boxes.map(({ id }) => id));
  const edges = all.filter(({ from, to }) => known.has(from) && known.has(to));
  const loops = edges.filter(({ from, to }) => from === to), ways = edges.filter(({ from, to }) => from !== to);
  const { layers, chains, nodes } = inLayers(new Map(boxes.map((box) => [box.id, withLoops(box, loops)])), ways);
  const rows = ordered(layers);
  placeAcross(rows, gap);
  const columns = placeAlong(rows, layerGap);
  const rects = new Map(boxes.map((box) => [box.id, nodeRect(box, nodes.get(box.id)!, columns)]));
  const ends = portsOf(chains, nodes, rects);
  const routes = new Map([
    ...loops.map(({ id }) => [id, loopRoute(id, loops, rects)] as const),
    ...chains.map((chain) => [chain.id, routeOf(chain, columns, ends)] as const),
  ]);
  return bounded(rects, routes);
}

/** The room of a node: over it stand the labels of the edges that lead from it to itself. */
const withLoops = (box: Box, loops: readonly LabelledArc[]): Size => loops
  .filter(({ from }) => from === box.id)
  .reduce<Size>(({ width, height }, { label }) =>
    ({ width: Math.max(width, label?.width ?? 0), height: height + LOOP_GAP + (label?.height ?? 0) }), box);

/** Set the centre of every item: near its neighbours, passing edges as straight as can be, nothing overlapping. */
function placeAcross(layers: readonly Item[][], gap: number): void {
  for (const layer of layers) settle(layer, gap, () => []);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const layer of layers) settle(layer, gap, ({ before }) => before);
    for (const layer of [...layers].reverse()) settle(layer, gap, ({ after }) => after);
    for (const layer of layers) settle(layer, gap, ({ before, after }) => [...before, ...after]);
  }
  const items = layers.flat(), top = Math.min(...items.map(({ centre, size }) => centre - size.height / 2));
  for (const item of items) item.centre -= top;
}

function settle(layer: readonly Item[], gap: number, near: (item: Item) => readonly Item[]): void {
  const wishes = layer.map((item) => {
    const found = near(item).map(({ centre, kind }) => ({ centre, weight: pull(item.kind, kind) }));
    const weight = found.reduce((sum, one) => sum + one.weight, 0);
    const middle = found.reduce((sum, one) => sum + one.centre * one.weight, 0) / weight;
    return { centre: weight === 0 ? item.centre : middle, weight: weight || 0.1, size: item.size.height };
  });
  spread(wishes, gap).forEach((centre, index) => { layer[index]!.centre = centre; });
}

/** How strongly two neighbours want the same centre: bends between the ends of an edge are the worst. */
const pull = (one: Item["kind"], other: Item["kind"]): number => one === "node" || other === "node" ? 1 : 8;

interface Column { from: number; to: number }

/** From where to where the layer of each item goes. */
function placeAlong(layers: readonly Item[][], gap: number): Map<Item, Column> {
  const found = new Map<Item, Column>();
  let from = 0;
  for (const layer of layers) {
    const to = from + Math.max(0, ...layer.map(({ size }) => size.width));
    for (const item of layer) found.set(item, { from, to });
    from = to + gap;
  }
  return found;
}

function nodeRect({ width, height }: Size, item: Item, columns: ReadonlyMap<Item, Column>): Rect {
  const { from, to } = columns.get(item)!;
  return { x: (from + to - width) / 2, y: item.centre + item.size.height / 2 - height, width, height };
}

interface Ends { start: Point; end: Point }

/** Where chains begin and end: along the sides of their nodes, in the order of where they come from or lead to. */
function portsOf(chains: readonly Chain[], nodes: ReadonlyMap<string, Item>, rects: ReadonlyMap<string, Rect>): Map<Chain, Ends> {
  const ends = new Map<Chain, Ends>(chains.map((chain) => [chain, { start: { x: 0, y: 0 }, end: { x: 0, y: 0 } }]));
  for (const [id, node] of nodes) {
    const { x, y, width, height } = rects.get(id)!;
    const leaving = chains.filter(({ items }) => items[0] === node), arriving = chains.filter(({ items }) => items.at(-1) === node);
    const heights = (count: number): number[] => {
      const gap = Math.min(PORT_GAP, (height - 2 * CORNER) / Math.max(1, count - 1));
      return Array.from({ length: count }, (_, index) => y + height / 2 + (index - (count - 1) / 2) * gap);
    };
    const byCentre = (at: number) => (a: Chain, b: Chain): number => a.items.at(at)!.centre - b.items.at(at)!.centre;
    const right = heights(leaving.length), left = heights(arriving.length);
    leaving.sort(byCentre(1)).forEach((chain, index) => { ends.get(chain)!.start = { x: x + width, y: right[index]! }; });
    arriving.sort(byCentre(-2)).forEach((chain, index) => { ends.get(chain)!.end = { x, y: left[index]! }; });
  }
  return ends;
}

function routeOf(chain: Chain, columns: ReadonlyMap<Item, Column>, ends: ReadonlyMap<Chain, Ends>): Route {
  const { start, end } = ends.get(chain)!, first = columns.get(chain.items[0]!)!, last = columns.get(chain.items.at(-1)!)!;
  const points: Point[] = [start, { x: first.to, y: start.y }];
  let label: Rect | undefined;
  for (const item of chain.items.slice(1, -1)) {
    const { from, to } = columns.get(item)!, { width, height } = item.size;
    points.push({ x: from, y: item.centre }, { x: to, y: item.centre });
    if (item.kind === "label") label = { x: (from + to - width) / 2, y: item.centre - height / 2, width, height };
  }
  points.push({ x: last.from, y: end.y }, end);
  if (chain.isTurned) points.reverse();
  return label ? { points, label } : { points };
}

/** Up from the node to the label and down again; more than one stand on each other. */
function loopRoute(id: string, loops: readonly LabelledArc[], rects: ReadonlyMap<string, Rect>): Route {
  const node = rects.get(loops.find((loop) => loop.id === id)!.from)!;
  let bottom = node.y, label: Rect | undefined;
  for (const loop of loops.filter(({ from }) => rects.get(from) === node)) {
    const { width, height } = loop.label ?? { width: 0, height: 0 };
    bottom -= LOOP_GAP + height;
    label = { x: node.x + (node.width - width) / 2, y: bottom, width, height };
    if (loop.id === id) break;
  }
  const middle = node.x + node.width / 2, half = Math.min(node.width / 2 - CORNER, 14), y = label!.y + label!.height / 2;
  const corners = [{ x: middle - half, y: node.y }, { x: middle - half, y }, { x: middle + half, y }, { x: middle + half, y: node.y }];
  return label!.width > 0 ? { points: corners, label: label! } : { points: corners };
}

function bounded(nodes: Map<string, Rect>, edges: Map<string, Route>): Layout {
  const labels = [...edges.values()].flatMap(({ label }) => label ? [label] : []), rects = [...nodes.values(), ...labels];
  return {
    width: Math.max(0, ...rects.map(({ x, width }) => x + width)),
    height: Math.max(0, ...rects.map(({ y, height }) => y + height), ...[...edges.values()].flatMap(({ points }) => points.map(({ y }) => y))),
    nodes, edges,
  };
}

function transposed({ width, height, nodes, edges }: Layout): Layout {
  return {
    width: height, height: width,
    nodes: new Map([...nodes].map(([id, rect]) => [id, transposedRect(rect)])),
    edges: new Map([...edges].map(([id, { points, label }]) =>
      [id, { points: points.map(transposedPoint), ...(label ? { label: transposedRect(label) } : {}) }])),
  };
}
