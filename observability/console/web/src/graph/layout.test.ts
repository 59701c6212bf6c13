import assert from "node:assert/strict";
import { test } from "node:test";
import type { LabelledArc } from "./layers.ts";
import { type Box, layout, type Layout, type Route, type Style } from "./layout.ts";
import type { Point, Rect } from "./shapes.ts";

const STYLES: Style[] = [{ direction: "right", layerGap: 20, gap: 10 }, { direction: "down", layerGap: 16, gap: 8 }];
const EDGE = 1e-6;

/** Numbers from 0 to below 1, the same for the same seed (Mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Any graph: cycles, self-loops, parallel and unlabelled edges, nodes without any. */
function graph(seed: number): { boxes: Box[]; edges: LabelledArc[] } {
  const next = random(seed), upTo = (most: number): number => Math.floor(next() * most);
  const boxes = Array.from({ length: 1 + upTo(14) }, (_, index) => ({ id: `n${index}`, width: 30 + upTo(120), height: 20 + upTo(40) }));
  const edges = Array.from({ length: upTo(boxes.length * 3) }, (_, index) => ({
    id: `e${index}`, from: `n${upTo(boxes.length)}`, to: `n${upTo(boxes.length)}`,
    label: next() < 0.7 ? { width: 10 + upTo(80), height: 10 + upTo(30) } : undefined,
  }));
  return { boxes, edges };
}

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width - EDGE && b.x < a.x + a.width - EDGE && a.y < b.y + b.height - EDGE && b.y < a.y + a.height - EDGE;
const labels = (found: Layout): Rect[] => [...found.edges.values()].flatMap(({ label }) => label ? [label] : []);

/** Points along a route: its straight parts, and the curves between them as they are drawn. */
function samples({ points }: Route, direction: Style["direction"]): Point[] {
  return points.slice(1).flatMap((to, index) => Array.from({ length: 9 }, (_, step) => {
    const from = points[index]!, share = step / 8, along = share, eased = index % 2 === 0 ? share : 3 * share ** 2 - 2 * share ** 3;
    const [acrossX, acrossY] = direction === "right" ? [along, eased] : [eased, along];
    return { x: from.x + (to.x - from.x) * acrossX, y: from.y + (to.y - from.y) * acrossY };
  }));
}

for (const style of STYLES) {
  test(`no node or label lies on another, layers going ${style.direction}`, () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { boxes, edges } = graph(seed), found = layout(boxes, edges, style);
      const rects = [...found.nodes.values(), ...labels(found)];
      assert.equal(rects.length, boxes.length + edges.filter(({ label }) => label).length, `seed ${seed}`);
      rects.forEach((one, index) => {
        for (const other of rects.slice(index + 1)) assert.ok(!overlap(one, other), `seed ${seed}: ${JSON.stringify([one, other])}`);
      });
    }
  });

  test(`no edge runs through a node that is not its own, layers going ${style.direction}`, () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { boxes, edges } = graph(seed), found = layout(boxes, edges, style);
      for (const { id, from, to } of edges) {
        const points = samples(found.edges.get(id)!, style.direction);
        for (const [node, rect] of found.nodes) {
          if (node === from || node === to) continue;
          for (const { x, y } of points) assert.ok(!overlap({ x, y, width: EDGE * 4, height: EDGE * 4 }, rect), `seed ${seed}: ${id} through ${node}`);
        }
      }
    }
  });

  test(`everything is within bounds and edges touch their nodes, layers going ${style.direction}`, () => {
    for (let seed = 1; seed <= 100; seed++) {
      const { boxes, edges } = graph(seed), found = layout(boxes, edges, style);
      for (const { x, y, width, height } of [...found.nodes.values(), ...labels(found)]) {
        assert.ok(x >= -EDGE && y >= -EDGE && x + width <= found.width + EDGE && y + height <= found.height + EDGE, `seed ${seed}`);
      }
      for (const { id, from, to } of edges) {
        const { points } = found.edges.get(id)!;
        assert.ok(touches(points[0]!, found.nodes.get(from)!), `seed ${seed}: start of ${id}`);
        assert.ok(touches(points.at(-1)!, found.nodes.get(to)!), `seed ${seed}: end of ${id}`);
      }
    }
  });
}

const touches = ({ x, y }: Point, rect: Rect): boolean => {
  const isWithin = x >= rect.x - EDGE && x <= rect.x + rect.width + EDGE && y >= rect.y - EDGE && y <= rect.y + rect.height + EDGE;
  const onSide = [x - rect.x, x - rect.x - rect.width, y - rect.y, y - rect.y - rect.height].some((away) => Math.abs(away) < EDGE);
  return isWithin && onSide;
};

test("a chain goes straight from left to right", () => {
  const boxes = ["a", "b", "c"].map((id) => ({ id, width: 50, height: 20 }));
  const edges = [{ id: "1", from: "a", to: "b" }, { id: "2", from: "b", to: "c" }];
  const { nodes } = layout(boxes, edges, STYLES[0]!);
  const [a, b, c] = [nodes.get("a")!, nodes.get("b")!, nodes.get("c")!];
  assert.ok(a.x + a.width < b.x && b.x + b.width < c.x);
  assert.deepEqual([a.y, b.y, c.y], [0, 0, 0]);
});

test("the same graph gets the same places", () => {
  const { boxes, edges } = graph(7);
  assert.deepEqual(layout(boxes, edges, STYLES[0]!), layout(boxes, edges, STYLES[0]!));
});

test("a graph without nodes has no size", () => {
  assert.deepEqual(layout([], [{ id: "1", from: "a", to: "b" }], STYLES[0]!), { width: 0, height: 0, nodes: new Map(), edges: new Map() });
});
