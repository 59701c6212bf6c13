/** The order of the items in their layers. */
import type { Item } from "./layers.ts";

const SWEEPS = 16;

/** The layers in an order with few crossings: each item near the middle of its neighbours, the best of some sweeps. */
export function ordered(layers: readonly Item[][]): Item[][] {
  const current = layers.map((layer) => [...layer]);
  let best = current.map((layer) => [...layer]), fewest = crossings(best);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const isForward = sweep % 2 === 0;
    for (const layer of isForward ? current : [...current].reverse()) {
      reorder(layer, places(current), isForward ? ({ before }) => before : ({ after }) => after);
    }
    const count = crossings(current);
    if (count < fewest) [best, fewest] = [current.map((layer) => [...layer]), count];
  }
  return best;
}

function reorder(layer: Item[], place: ReadonlyMap<Item, number>, near: (item: Item) => readonly Item[]): void {
  const wished = new Map(layer.map((item) => {
    const found = near(item);
    const middle = found.reduce((sum, one) => sum + place.get(one)!, 0) / found.length;
    return [item, found.length === 0 ? place.get(item)! : middle];
  }));
  layer.sort((a, b) => wished.get(a)! - wished.get(b)! || place.get(a)! - place.get(b)!);
}

/** Where in its layer each item is, from 0 to 1. */
const places = (layers: readonly Item[][]): Map<Item, number> =>
  new Map(layers.flatMap((layer) => layer.map((item, index) => [item, (index + 0.5) / layer.length] as const)));

/** How many lines from layer to layer cross. */
function crossings(layers: readonly Item[][]): number {
  const place = places(layers);
  let count = 0;
  for (const layer of layers) {
    const lines = layer.flatMap((item) => item.after.map((next) => [place.get(item)!, place.get(next)!] as const));
    lines.forEach(([from, to], index) => {
      for (const [otherFrom, otherTo] of lines.slice(index + 1)) if ((from - otherFrom) * (to - otherTo) < 0) count++;
    });
  }
  return count;
}
