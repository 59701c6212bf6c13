/** The steps of queries, as Grafana chooses them. */
import { duration, type Range } from "../time.ts";

/** `scrape_interval` of observability/prometheus/prometheus.yml, milliseconds. */
export const SCRAPE_INTERVAL = 5_000;
const MOST_POINTS = 11_000;
const MOST_SHOWN_POINTS = 2_000;

/** Below each limit the step beside it; milliseconds. */
const ROUND_STEPS: readonly (readonly [below: number, step: number])[] = [
  [10, 1],
  [15, 10],
  [35, 20],
  [75, 50],
  [150, 100],
  [350, 200],
  [750, 500],
  [1_500, 1_000],
  [3_500, 2_000],
  [7_500, 5_000],
  [12_500, 10_000],
  [17_500, 15_000],
  [25_000, 20_000],
  [45_000, 30_000],
  [90_000, 60_000],
  [210_000, 120_000],
  [450_000, 300_000],
  [750_000, 600_000],
  [1_050_000, 900_000],
  [1_500_000, 1_200_000],
  [2_700_000, 1_800_000],
  [5_400_000, 3_600_000],
  [9_000_000, 7_200_000],
  [16_200_000, 10_800_000],
  [32_400_000, 21_600_000],
  [86_400_000, 43_200_000],
  [604_800_000, 86_400_000],
  [1_814_400_000, 604_800_000],
  [3_628_800_000, 2_592_000_000],
];
const YEAR = 31_536_000_000;

const rounded = (milliseconds: number): number => ROUND_STEPS.find(([below]) => milliseconds < below)?.[1] ?? YEAR;

/** A step for about `points` values over the range, none below `least`; milliseconds. */
export function intervalFor(range: Range, points: number, least = 1): number {
  const span = range.to - range.from,
    usable = Math.min(Math.max(1, points), MOST_SHOWN_POINTS);
  return Math.max(rounded(span / usable), least, span / MOST_POINTS > least ? rounded(span / MOST_POINTS) : 1);
}

/** What `rate()` needs to see at least two scrapes in each window; milliseconds. */
export const rateInterval = (interval: number, scrape = SCRAPE_INTERVAL): number =>
  Math.max(interval + scrape, 4 * scrape);

/** The smallest step that a panel or query asks for (`10s`, `>10s`); undefined where it asks for none. */
export function leastInterval(...texts: (string | null | undefined)[]): number | undefined {
  for (const text of texts) {
    const found = text ? duration(text.replace(/^>=?\s*/, "")) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
