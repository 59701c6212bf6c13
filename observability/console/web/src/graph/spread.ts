/** Positions in a row that keep their order and their distances. */

export interface Wish { centre: number; weight: number; size: number }

/**
 * The centres nearest to those wished for (least squares, by weight) at which nothing overlaps and `gap` is between any
 * two. The order is that of the wishes. It is isotonic regression: neighbours that are too close move as one block.
 */
export function spread(wishes: readonly Wish[], gap: number): number[] {
  const offsets: number[] = [];
  wishes.forEach(({ size }, index) =>
    offsets.push(index === 0 ? 0 : offsets[index - 1]! + (wishes[index - 1]!.size + size) / 2 + gap));
  interface Block { sum: number; weight: number; count: number }
  const blocks: Block[] = [], middle = ({ sum, weight }: Block): number => sum / weight;
  wishes.forEach(({ centre, weight }, index) => {
    let block: Block = { sum: (centre - offsets[index]!) * weight, weight, count: 1 };
    while (blocks.length > 0 && middle(blocks.at(-1)!) > middle(block)) {
      const before = blocks.pop()!;
      block = { sum: before.sum + block.sum, weight: before.weight + block.weight, count: before.count + block.count };
    }
    blocks.push(block);
  });
  return blocks.flatMap((block) => Array<number>(block.count).fill(middle(block))).map((base, index) => base + offsets[index]!);
}
