/** One tab stop for many rows: arrow keys move between them (WAI-ARIA's roving tabindex). */

const STEPS: Record<string, (at: number, count: number) => number> = {
  ArrowDown: (at, count) => Math.min(count - 1, at + 1),
  ArrowUp: (at) => Math.max(0, at - 1),
  Home: () => 0,
  End: (_at, count) => count - 1,
  PageDown: (at, count) => Math.min(count - 1, at + 20),
  PageUp: (at) => Math.max(0, at - 20),
};

/** The row that a key moves to from row `at` of `count`; undefined where the key moves nowhere. */
export function rowAfter(key: string, at: number, count: number): number | undefined {
  return count > 0 ? STEPS[key]?.(at, count) : undefined;
}
