/** Which of many rows are in sight, of a list that is scrolled with the page. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

/** Rows have one height; some are open and have more below them. */
export interface Heights {
  count: number;
  row: number;
  /** What open rows have below them, by index, CSS pixels. */
  open: ReadonlyMap<number, number>;
}

export interface Window {
  first: number;
  /** One beyond the last. */
  last: number;
}

/** Rows beyond both ends of what is in sight. */
const SPARE = 15;

/** Where a row begins, CSS pixels from the start of the list. */
export function offsetOf(heights: Heights, index: number): number {
  let sum = index * heights.row;
  for (const [at, height] of heights.open) if (at < index) sum += height;
  return sum;
}

/** The rows between two offsets, and some beyond. */
export function windowOf(heights: Heights, top: number, bottom: number): Window {
  const first = rowAt(heights, top) - SPARE,
    last = rowAt(heights, bottom) + 1 + SPARE;
  return { first: Math.max(0, Math.min(first, heights.count)), last: Math.min(heights.count, Math.max(0, last)) };
}

/** The row at an offset. */
function rowAt(heights: Heights, offset: number): number {
  let before = 0;
  for (const [at, height] of [...heights.open].sort(([a], [b]) => a - b)) {
    const end = (at + 1) * heights.row + before;
    if (offset < end) break;
    if (offset < end + height) return at;
    before += height;
  }
  return Math.floor((offset - before) / heights.row);
}

/** The rows in sight, followed while the page scrolls. */
export function useWindow(list: RefObject<HTMLElement>, heights: Heights): Window {
  const look = (): Window => {
    const top = list.current ? -list.current.getBoundingClientRect().top : 0;
    return windowOf(heights, top, top + innerHeight);
  };
  const [current, set] = useState(look);
  const update = (): void => {
    const next = look();
    set((before) => (before.first === next.first && before.last === next.last ? before : next));
  };
  useLayoutEffect(update);
  useEffect(() => {
    let frame = 0;
    const soon = (): void => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(update);
    };
    addEventListener("scroll", soon, { passive: true });
    addEventListener("resize", soon);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", soon);
      removeEventListener("resize", soon);
    };
  }, [heights]);
  return current;
}
